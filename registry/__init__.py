"""Promotion: gates, reviews, the state machine, the MLflow mirror."""
