from __future__ import annotations

import random
from itertools import combinations

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from polyroute.sql.selectors.collation import key_order, sort_key, string_key

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def test_order_of_the_couchdb_manual() -> None:
    # https://docs.couchdb.org/en/stable/ddocs/views/collation.html, "Collation Specification"
    documented = [
        None, False, True, 1, 2, 3.0, 4, "a", "A", "aa", "b", "B", "ba", "bb",
        ["a"], ["b"], ["b", "c"], ["b", "c", "a"], ["b", "d"], ["b", "d", "e"],
        {"a": 1}, {"a": 2}, {"b": 1}, {"b": 2}, {"b": 2, "a": 1}, {"b": 2, "c": 2},
    ]  # fmt: skip
    shuffled = documented[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=sort_key) == documented


def test_strings_stand_as_icu_orders_them() -> None:
    rng = random.Random(7)
    letters = [chr(code) for code in range(32, 127)] + list("áéèêñöüåçÁÉÑÖÀĀøØłŁđ") + list("eEaA") * 10
    words = ["".join(rng.choice(letters) for _ in range(rng.randint(0, 4))) for _ in range(300)]
    found = duckdb.connect().execute("SELECT s, icu_sort_key(s, 'en') FROM (SELECT unnest(?) AS s)", [words]).fetchall()
    icu = dict(found)
    for one, other in combinations(words, 2):
        if icu[one] != icu[other]:
            assert (icu[one] < icu[other]) == (string_key(one) < string_key(other)), (one, other)


@given(st.text(), st.text())
def test_only_identical_strings_are_equal(one: str, other: str) -> None:
    assert (string_key(one) == string_key(other)) == (one == other)


@given(JSON, JSON, JSON)
def test_order_is_total(one: object, two: object, three: object) -> None:
    first, second, third = sorted([one, two, three], key=sort_key)
    assert sort_key(first) <= sort_key(second) <= sort_key(third)
    assert sort_key(first) <= sort_key(third)


def test_letters_of_other_scripts_follow_latin_and_digits_are_digits() -> None:
    cyrillic, greek, han, wide_nine = "\u044f", "\u03b1", "\u4e2d", "\uff19"
    words = [cyrillic, greek, "z", han, wide_nine, "8", "€", "-"]
    assert sorted(words, key=string_key) == ["-", "€", "8", wide_nine, "z", greek, cyrillic, han]


def test_keys_stand_by_code_point() -> None:
    assert sorted(["a", "B", 3, None], key=key_order) == [None, 3, "B", "a"]
