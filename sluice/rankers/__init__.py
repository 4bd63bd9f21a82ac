"""Ranker families behind one protocol."""
