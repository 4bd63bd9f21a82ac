"""Feature definitions and the one kernel that computes them, offline and online."""
