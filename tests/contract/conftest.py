from tests.lib.store_fixtures import database_url, postgres, store

__all__ = ["database_url", "postgres", "store"]
