"""Releases and the service that ranks with them."""
