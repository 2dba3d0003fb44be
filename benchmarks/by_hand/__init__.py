"""The developer questions without polyroute: as an expert writes them by hand for each engine, and in pandas over whole
tables. Both read the files that polyroute wrote, through the engines' own libraries.
"""

from benchmarks.by_hand.frames import PANDAS
from benchmarks.by_hand.histories import HISTORIES
from benchmarks.by_hand.routes import ROUTES
from benchmarks.by_hand.stores import Stores, add_indexes, open_stores
from benchmarks.by_hand.texts import TEXTS

BY_HAND = {**TEXTS, **ROUTES, **HISTORIES}

__all__ = ["BY_HAND", "PANDAS", "Stores", "add_indexes", "open_stores"]
