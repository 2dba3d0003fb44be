"""How Hypothesis works in all tests: without deadlines, and with few examples where nothing else is said.

`HYPOTHESIS_PROFILE=thorough` looks at many more.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
