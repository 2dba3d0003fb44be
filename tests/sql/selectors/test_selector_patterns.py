from __future__ import annotations

import pytest

from polyroute.errors import QueryError
from polyroute.sql.selectors.patterns import MAX_PATTERN_CHARS, compile_pattern


@pytest.mark.parametrize(
    "pattern", ["(?i)new.*", "^a+b*$", "(ab)+", "(a+){2}", r"(?:\d{1,3},)*", r"(\w++\s)*", "a|b|c", ""]
)
def test_ordinary_patterns_compile(pattern: str) -> None:
    assert compile_pattern(pattern).pattern == pattern


@pytest.mark.parametrize("pattern", ["(a+)+", "(a*)*b", "(?:(x+)y)+", "((a|b+)c*)*", "(?=(a+)+)x", "(.*?,)+"])
def test_patterns_that_repeat_a_repetition_are_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match="repeats a repetition"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]", "(?P<n>a)(?P<n>b)", r"\k", "*"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(QueryError, match="not a regular expression"):
        compile_pattern(pattern)


def test_posix_classes_are_refused_with_a_way_out() -> None:
    with pytest.raises(QueryError, match=r"a-zA-Z"):
        compile_pattern("[[:alpha:]]+")


def test_length_is_limited() -> None:
    assert compile_pattern("a" * MAX_PATTERN_CHARS)
    with pytest.raises(QueryError, match="too long"):
        compile_pattern("a" * (MAX_PATTERN_CHARS + 1))
