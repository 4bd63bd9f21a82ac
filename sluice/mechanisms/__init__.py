"""How several objectives become one order."""

from sluice.mechanisms.order import rank_by
from sluice.rankers.utility import Utility

__all__ = ["Utility", "rank_by"]
