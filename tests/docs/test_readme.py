"""What the README says is so: its code runs, its table is the one that the adapters declare."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_code_runs_in_an_empty_folder(tmp_path: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "1620" in done.stdout
        assert "graph_neighbors on graph" in done.stdout


def test_the_support_table_is_the_generated_one() -> None:
    spec = importlib.util.spec_from_file_location("support_table", ROOT / "docs" / "support_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.inserted(README) == README, "run make docs"


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "lint", "bench", "docs"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
