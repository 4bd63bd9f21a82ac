"""Data validation, drift and dashboards."""
