"""Adapters: one file turns one public data set into the three tables."""

from sluice.data.adapters.source import SOURCES, read_source

__all__ = ["SOURCES", "read_source"]
