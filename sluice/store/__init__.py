"""The shared SQL metadata store: records, tables, migrations, ledger."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.store.sql import SqlStore

__all__ = ["open_store"]


def open_store(url: str) -> "SqlStore":
    """Open the SQLite or PostgreSQL database at `url`, made and migrated as needed.

    Several processes may open the same database at once. Close the store, or use it in a `with`.

    Raises:
        UserError: no database can be reached there within ten seconds, or its schema is newer than
            this release. No message shows a password.
    """
    from sluice.store.sql import SqlStore

    return SqlStore.open(url)
