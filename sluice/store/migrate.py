"""Bringing a database to the newest schema."""

from pathlib import Path

from sqlalchemy import Connection, Engine, column, select, table

from sluice.errors import UserError
from sluice.store.engine import WRITES, shown
from sluice.store.tables import HEAD, VERSION_TABLE


def migrate(engine: Engine) -> None:
    """Migrate to the newest schema in one transaction; of several openers one does the work.

    Raises:
        UserError: the schema is one that this release does not know.
    """
    with engine.begin() as connection:
        if revision(connection) == HEAD:
            return
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        current = revision(connection)
        if current != HEAD:
            _upgrade(connection, current)


def revision(connection: Connection) -> str | None:
    """The schema's revision, or None in an empty database."""
    if not connection.dialect.has_table(connection, VERSION_TABLE):
        return None
    return connection.scalar(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    )


def _upgrade(connection: Connection, figures: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    revisions = {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }
    if figures and figures not in revisions:
        raise UserError(
            f"{shown(connection.engine.url)} has schema {figures!r}, this release knows none newer than "
            f"{HEAD!r}: it was written by a newer Sluice; open it with that one"
        )
    command.upgrade(config, "head")
