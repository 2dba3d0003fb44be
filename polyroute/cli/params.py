"""`--param NAME=VALUE`: values for the `$name` parameters of a statement."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click


def parse_params(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, object]:
    """Read `name=value` texts: a value that is JSON is that JSON value, any other is a text.

    So `n=3` is a number, `code=JFK` a text, `code='"3"'` the text 3, `v='[0.1, 0.2]'` a vector.
    """
    params: dict[str, object] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (name.isidentifier() and equals):
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx, parameter)
        if name in params:
            raise click.BadParameter(f"the parameter {name!r} is given twice", ctx, parameter)
        params[name] = _parse_value(value)
    return params


def _parse_value(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
