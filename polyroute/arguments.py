"""Checks of the arguments that operations are given: counts, choices, texts, flags, names, parameters.

They look at the shape of a value only, never at a dataset, so that a wrong type ends with QUERY_INVALID before an
engine is chosen, the same for a method, a `Query` and a SQL table function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from polyroute.errors import invalid, unknown_name

MAX_COUNT = 2**63 - 1


def check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    """Refuse a value that is none of the choices, naming the nearest."""
    if not isinstance(value, str):
        raise invalid(f"{what} is a text, not {type(value).__name__}", hint=f"choose one of {', '.join(choices)}")
    if value not in choices:
        raise unknown_name(what, value, choices)


def check_count(what: str, value: object, minimum: int) -> None:
    """Refuse what is no whole number from `minimum` to the largest of 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise invalid(f"{what} must be a whole number of at least {minimum}", hint=f"give {what}={minimum} or more")
    if value > MAX_COUNT:
        raise invalid(f"{what} must be at most {MAX_COUNT}", hint=f"give a smaller {what}")


def check_seconds(what: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is no positive number of seconds, or with `zero` no number that is not negative."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(f"{what} is a number of seconds, not {type(value).__name__}", hint=f"write for instance {what}=2")
    if not (value >= 0 if zero else value > 0):
        raise invalid(
            f"{what} must not be negative" if zero else f"{what} must be more than zero",
            hint=f"leave {what} out for {'none' if zero else 'no time limit'}",
        )


def check_whole(what: str, value: object) -> None:
    """Refuse what is no whole number; its size and sign do not matter."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"{what} must be a whole number, not {type(value).__name__}", hint=f"give for instance {what}=0")


def check_flag(what: str, value: object) -> None:
    """Refuse what is neither True nor False: any object would count as one of the two."""
    if not isinstance(value, bool):
        raise invalid(f"{what} is True or False, not {type(value).__name__}", hint=f"write {what}=True or leave it out")


def check_text(what: str, value: object, example: str) -> None:
    """Refuse what is no text, or holds half a surrogate pair; `example` shows how one is written."""
    if not isinstance(value, str):
        raise invalid(f"{what} is a text, not {type(value).__name__}", hint=f"write for instance {example}")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise invalid(f"{what} holds half of a surrogate pair, which is no character", hint="correct the text") from exc


def check_target(name: str, keys: object, rule: object, keys_name: str = "keys", rule_name: str = "where") -> None:
    """Refuse a write that is not told by exactly one of keys and a rule what it changes; QUERY_INVALID."""
    if (keys is None) == (rule is None):
        raise invalid(
            f"{name} needs exactly one of {keys_name} and {rule_name}", hint=f"pass {keys_name}= or {rule_name}="
        )


def check_params(value: object, *, by_position: bool = False) -> None:
    """Refuse parameters that are no mapping of names to values, nor, where `by_position`, a list of values."""
    if value is None:
        return
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise invalid(
                    f"the names of params are texts, not {type(name).__name__}", hint="write params={'x': 1} for $x"
                )
    elif not by_position:
        raise invalid(f"params are a mapping, not {type(value).__name__}", hint="write params={'x': 1} for $x")
    elif isinstance(value, str | bytes | bytearray) or not isinstance(value, Sequence):
        raise invalid(
            f"params are a mapping or a list, not {type(value).__name__}",
            hint="write params={'x': 1} for $x, or params=[1] for ?",
        )


def names_from(what: str, value: object) -> tuple[str, ...] | None:
    """Return one name or several as a tuple, None as it is.

    Raises QUERY_INVALID for anything else, and for no name at all.

    >>> names_from("columns", "iata"), names_from("columns", ["iata", "city"])
    (('iata',), ('iata', 'city'))
    """
    if value is None:
        return None
    names = (value,) if isinstance(value, str) else _listed(what, value)
    for name in names:
        if not isinstance(name, str):
            raise invalid(
                f"{what} holds a {type(name).__name__}, which is no name", hint=f"write {what}=['a', 'b'], names only"
            )
    if not names:
        raise invalid(f"{what} holds no name", hint=f"name at least one, or leave {what} out")
    return names


def _listed(what: str, value: object) -> tuple[str, ...]:
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, Iterable):
        raise invalid(f"{what} is a list of names, not {type(value).__name__}", hint=f"write {what}=['a', 'b']")
    return tuple(value)
