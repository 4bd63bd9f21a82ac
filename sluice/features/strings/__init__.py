"""Ids as dense codes: columns of strings told apart by their bytes."""
