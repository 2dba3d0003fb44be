"""The checks behind `polyroute doctor`: Python, libraries, extras, engines, each told as findings with a way to mend.

No check changes anything: an engine is opened, asked for a sign of life and its datasets, and closed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from polyroute.errors import PolyrouteError, redact

if TYPE_CHECKING:
    from pathlib import Path

    from polyroute.cli.connection import Address
    from polyroute.engines import Engine
    from polyroute.engines.url import EngineURL

_REQUIREMENT = re.compile(
    r"""^(?P<name>[\w.-]+)(?:\[[^]]*])?\s*(?P<spec>[^;]*?)\s*(?:;.*extra == ['"](?P<extra>[^'"]+)['"].*)?$"""
)

_PING_S = 5.0
_MODULES = {"scikit-learn": "sklearn"}

_Requirement = tuple[str, str, str | None]


class Verdict(StrEnum):
    """How a check came out; `OPTIONAL` is something missing that one may well do without."""

    OK = "ok"
    OPTIONAL = "optional"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and how to mend it where it is not well."""

    about: str
    verdict: Verdict
    detail: str
    mend: str | None = None


def check_python() -> Finding:
    """Check the interpreter against the least version that polyroute runs on."""
    running = ".".join(map(str, sys.version_info[:3]))
    required = importlib.metadata.metadata("polyroute")["Requires-Python"]
    if _satisfies(running, required):
        return Finding("python", Verdict.OK, running)
    return Finding("python", Verdict.FAILED, f"{running}, needs {required}", "install a newer Python")


def check_libraries() -> Iterator[Finding]:
    """Check every library that polyroute always needs: installed, new enough, and can be imported."""
    for name, spec, extra in _requirements():
        if extra is None:
            finding = _check_library(name, spec)
            yield finding if finding.verdict is not Verdict.OK else _check_import(finding)


def check_extras() -> Iterator[Finding]:
    """Check the libraries of each extra; an extra that is not installed is no fault."""
    by_extra = itertools.groupby(sorted((r for r in _requirements() if r[2]), key=_extra_of), key=_extra_of)
    for extra, wanted in by_extra:
        found = [_check_library(name, spec) for name, spec, _ in wanted]
        lacking = [f"{f.about} {f.detail}" for f in found if f.verdict is not Verdict.OK]
        if lacking:
            yield Finding(extra, Verdict.OPTIONAL, "; ".join(lacking), f"pip install 'polyroute[{extra}]'")
        else:
            yield Finding(extra, Verdict.OK, ", ".join(f.about for f in found))


def check_engine(address: Address) -> Finding:
    """Check one engine: its store is there, opens, gives a sign of life, tells its datasets, and can be written."""
    from polyroute.engines.registry import engine_class
    from polyroute.engines.url import EngineURL

    name = address.engine_id
    try:
        url = EngineURL.parse(address.url, base=address.base)
        found = engine_class(url.scheme)
        if url.path is not None and not url.path.exists():
            return _check_absent(name, url.path)
        return _check_held(name, url, found)
    except PolyrouteError as error:
        return Finding(name, Verdict.FAILED, f"{error.code.value}: {error.message}", error.hint)
    except Exception as exc:  # noqa: BLE001 - whatever a library raises on opening is the finding
        reason = redact(f"{type(exc).__name__}: {exc}")
        return Finding(name, Verdict.FAILED, reason, f"check the address and the files of {name!r}")


def _check_absent(name: str, path: Path) -> Finding:
    if not path.parent.is_dir():
        detail = f"the folder {path.parent} does not exist"
        return Finding(name, Verdict.FAILED, detail, f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        detail = f"does not exist, and {path.parent} cannot be written"
        return Finding(name, Verdict.FAILED, detail, f"change the permissions of {path.parent}")
    return Finding(name, Verdict.OPTIONAL, "does not exist yet; it is made by the first connection")


def _check_held(name: str, url: EngineURL, found: type[Engine]) -> Finding:
    from polyroute.engines import Call

    engine = found.open(url, read_only=url.path is not None)
    try:
        engine.ping(Call(timeout_s=_PING_S))
        held = len(engine.datasets())
    finally:
        engine.close()
    answers = f"answers, {held} dataset{'' if held == 1 else 's'}"
    if url.path is None:
        return Finding(name, Verdict.OK, f"{answers}, temporary")
    if os.access(url.path, os.W_OK) and os.access(url.path.parent, os.W_OK):
        return Finding(name, Verdict.OK, f"{answers}, writable")
    mend = f"change the permissions of {url.path} and its folder, or connect read-only"
    return Finding(name, Verdict.WARNING, f"{answers}, but cannot be written", mend)


def _requirements() -> Iterator[_Requirement]:
    for text in importlib.metadata.requires("polyroute") or ():
        found = _REQUIREMENT.match(text)
        if found:
            yield found["name"], found["spec"], found["extra"]


def _extra_of(requirement: _Requirement) -> str:
    return requirement[2] or ""


def _check_library(name: str, spec: str) -> Finding:
    """Check a distribution by its metadata, without importing it."""
    mend = f"pip install '{name}{spec}'"
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, Verdict.FAILED, "is not installed", mend)
    if _satisfies(installed, spec):
        return Finding(name, Verdict.OK, installed)
    return Finding(name, Verdict.FAILED, f"{installed} is installed, needs {spec}", mend)


def _check_import(finding: Finding) -> Finding:
    try:
        importlib.import_module(_MODULES.get(finding.about, finding.about.replace("-", "_")))
    except Exception as exc:  # noqa: BLE001 - a broken library may raise anything
        reason = f"{finding.detail} cannot be imported ({type(exc).__name__}: {exc})"
        return Finding(finding.about, Verdict.FAILED, reason, f"pip install --force-reinstall {finding.about}")
    return finding


def _satisfies(version: str, spec: str) -> bool:
    """Tell whether a version meets the lower bounds of a specifier, comparing the numbers of the release."""
    bounds = re.findall(r">=\s*([\d.]+)", spec)
    return all(_numbers(version) >= _numbers(bound) for bound in bounds)


def _numbers(version: str) -> list[int]:
    release = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(n) for n in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
