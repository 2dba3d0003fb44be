"""Other engines on TPC-H's Parquet files: DataFusion and a local Spark, measured where they are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from sqlglot import transpile

Ask = Callable[[str], pa.Table]


def absent() -> Mapping[str, str]:
    """Return the peers that cannot run here, and why."""
    why = {
        n: "not installed (group peers)" for n, module in _MODULES.items() if importlib.util.find_spec(module) is None
    }
    if "Spark" not in why and shutil.which("java") is None:
        why["Spark"] = "needs Java"
    return why


@contextmanager
def datafusion(files: Mapping[str, Path]) -> Iterator[Ask]:
    """Give DataFusion over the files."""
    from datafusion import SessionContext

    context = SessionContext()
    for name, path in files.items():
        context.register_parquet(name, str(path))
    yield lambda sql: context.sql(sql).to_arrow_table()


@contextmanager
def spark(files: Mapping[str, Path]) -> Iterator[Ask]:
    """Give a Spark of this process's machine over the files."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[*]").appName("polyroute benchmarks")
        for key, value in _SPARK.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        for name, path in files.items():
            session.read.parquet(str(path)).createOrReplaceTempView(name)
        yield lambda sql: session.sql(transpile(sql, read="duckdb", write="spark")[0]).toArrow()
    finally:
        session.stop()


PEERS: Mapping[str, Callable[[Mapping[str, Path]], object]] = {"DataFusion": datafusion, "Spark": spark}
_MODULES = {"DataFusion": "datafusion", "Spark": "pyspark"}
_SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    # the default of 200 suits a cluster: with a partition per core the queries take a tenth of the time
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
    "spark.sql.ansi.enabled": "false",
}
