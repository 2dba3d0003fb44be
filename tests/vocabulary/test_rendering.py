from __future__ import annotations

import pytest

from polyroute.rendering import cell_text, text_table


@pytest.mark.parametrize("value", ["red\x1b[31mtext", "two\nlines", "bell\x07", "c1\x9b31m", "tab\there", "del\x7f"])
def test_no_value_can_steer_a_terminal(value: str) -> None:
    text = cell_text(value)
    assert text.isprintable()
    assert len(text) == len(value)


def test_wide_and_combining_characters_line_up() -> None:
    lines = text_table(("name", "n"), [("日本", 1), ("e\u0301", 2)]).splitlines()
    assert lines[2] == "日本 | 1"
    assert lines[3] == "e\u0301    | 2"


def test_no_column_name_can_either() -> None:
    assert text_table(("a\x1b[2J",), [(1,)]).replace("\n", "").isprintable()
