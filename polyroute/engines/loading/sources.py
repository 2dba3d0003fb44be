"""Whatever a person wants to load, as a `Source`: a logical schema and batches, or original JSON documents.

Files: Parquet, CSV and TSV, JSON Lines and JSON, Arrow IPC. In memory: Arrow, pandas, Polars, lists of dicts, a
QueryResult, anything with `__arrow_c_stream__`. In CSV only the empty field is NULL unless `null_values` says more:
Namibia is "NA".
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from polyroute.engines.loading.documents import infer
from polyroute.engines.loading.rows import arrow_table, documents_from
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error
from polyroute.sql.types import conform, logical_schema

BATCH_ROWS = 65_536

Document = dict[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """Data to load: `batches()` gives the rows in the logical schema, each time from the start; `rows` is None where it
    is not known.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    rows: int | None
    documents: Callable[[], Iterator[Document]] | None = None


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How a CSV file is read: the texts that mean NULL, the delimiter, types where guessing is wrong."""

    null_values: Sequence[str] = ("",)
    delimiter: str | None = None
    types: Mapping[str, pa.DataType] | None = None


def open_source(source: object, csv: CsvOptions | None = None) -> Source:
    """Open what is to be loaded.

    Raises QUERY_INVALID for a missing or unreadable file, with the nearest file names, and for something that is no
    data.

    >>> open_source([{"a": 1}, {"a": 2, "b": "x"}]).schema.names
    ['a', 'b']
    """
    with reading():
        opened = _open(source, csv or CsvOptions())
    documents = opened.documents
    return replace(
        opened,
        batches=lambda: _read(opened.batches),
        documents=None if documents is None else lambda: _read(documents),
    )


@contextmanager
def reading() -> Iterator[None]:
    """Tell what a source raised as an error of the load: the engine is not to blame, and has stored nothing.

    Raises QUERY_INVALID for a text that is not Unicode, QUERY_EXECUTION_FAILED for everything else.
    """
    try:
        yield
    except PolyrouteError:
        raise
    except UnicodeEncodeError as exc:
        raise invalid(
            "a text in the data holds half of a surrogate pair, which is no character", hint="clean the text, then load"
        ) from exc
    except Exception as exc:
        raise make_error(
            DatabaseErrorCode.QUERY_EXECUTION_FAILED,
            f"the source of the load failed with {type(exc).__name__} while it was read",
            hint="nothing was loaded; see __cause__, mend the source and load again",
        ) from exc


def _read(rows: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Read lazily, so that an error in the middle of a file is known as the source's."""
    with reading():
        remaining = rows()
    while True:
        with reading():
            row = next(remaining, None)
        if row is None:
            return
        yield row


def _open(source: object, csv: CsvOptions) -> Source:
    if isinstance(source, (str, Path)):
        return _open_file(Path(source), csv)
    table = arrow_table(source)
    if table is not None:
        return from_table(table)
    if isinstance(source, Mapping):
        raise invalid("a dict is no table", hint="give a list of dicts, one per row")
    if isinstance(source, Iterable):
        return from_documents(list(source))
    raise invalid(
        f"nothing can be loaded from a {type(source).__name__}",
        hint="give a path, an Arrow table, a DataFrame or a list of dicts",
    )


def from_table(table: pa.Table) -> Source:
    """Return an Arrow table as a source."""
    schema = logical_schema(table.schema)
    return Source(schema, lambda: iter(conform(table, schema).to_batches(BATCH_ROWS)), table.num_rows)


def from_documents(documents: list[object]) -> Source:
    """Return a list of dicts as a source: documents where they are JSON, else rows with the types that Python gave
    them.
    """
    for number, document in enumerate(documents):
        if not isinstance(document, Mapping):
            raise invalid(f"row {number} is a {type(document).__name__}, not a dict", hint="give a list of dicts")
    rows: list[Document] = [dict(d) for d in documents if isinstance(d, Mapping)]
    inferred = infer(rows)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(rows), BATCH_ROWS):
            yield from inferred.table(rows[start : start + BATCH_ROWS]).to_batches()

    as_documents = None if inferred.layout is None else lambda: iter(documents_from(rows))
    return Source(inferred.schema, batches, len(rows), as_documents)


def _open_file(path: Path, csv: CsvOptions) -> Source:
    if not path.is_file():
        raise _missing(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise invalid(f"{path.name} has no known format", hint=f"known endings: {', '.join(_READERS)}")
    try:
        return reader(path, csv)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowKeyError,
        json.JSONDecodeError,
        UnicodeDecodeError,
        OSError,
    ) as exc:
        raise invalid(
            f"{path.name} cannot be read as {path.suffix[1:]}: {str(exc).splitlines()[0]}",
            hint="check the file and its ending",
        ) from exc


def _missing(path: Path) -> Exception:
    folder = path.parent
    if not folder.is_dir():
        return invalid(
            f"there is no folder {folder.name!r} to load from",
            hint="check the path; a relative one is taken from the working directory",
        )
    near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir() if p.is_file()], n=3)
    hint = (
        f"did you mean {' or '.join(repr(n) for n in near)}?"
        if near
        else "check the path; a relative one is taken from the working directory"
    )
    return invalid(f"there is no file {path.name!r}", hint=hint)


def _parquet(path: Path, csv: CsvOptions) -> Source:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = logical_schema(file.schema_arrow)
        rows = file.metadata.num_rows

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield from conform(pa.Table.from_batches([batch]), schema).to_batches()

    return Source(schema, batches, rows)


def _ipc(path: Path, csv: CsvOptions) -> Source:
    import pyarrow.feather as feather

    return from_table(feather.read_table(path))


def _csv(path: Path, csv: CsvOptions) -> Source:
    import pyarrow.csv as reader

    delimiter = csv.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    convert = reader.ConvertOptions(
        null_values=list(csv.null_values), strings_can_be_null=True, column_types=dict(csv.types or {})
    )
    return from_table(
        reader.read_csv(
            path,
            parse_options=reader.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=convert,
        )
    )


def _json_lines(path: Path, csv: CsvOptions) -> Source:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as exc:
                raise invalid(
                    f"line {number} of {path.name} is not JSON", hint="every line holds one JSON object"
                ) from exc
    return from_documents(rows)


def _json(path: Path, csv: CsvOptions) -> Source:
    content = json.loads(path.read_text(encoding="utf-8"))
    return from_documents(content if isinstance(content, list) else [content])


_READERS: dict[str, Callable[[Path, CsvOptions], Source]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".arrow": _ipc,
    ".feather": _ipc,
    ".ipc": _ipc,
}
