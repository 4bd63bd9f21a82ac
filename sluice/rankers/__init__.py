"""Ranker families behind one protocol."""

from sluice.rankers.families import FAMILIES, load_ranker, make_ranker, save_ranker
from sluice.rankers.protocol import Ranker

__all__ = ["FAMILIES", "Ranker", "load_ranker", "make_ranker", "save_ranker"]
