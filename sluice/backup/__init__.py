"""Backups: a consistent copy of an installation, taken while it is written, and the way back from it."""
