"""Sluice: a model-lifecycle platform for rankers, from the event log to a monitored champion."""
