"""Prefect flows: tasks wrap functions and decide nothing."""
