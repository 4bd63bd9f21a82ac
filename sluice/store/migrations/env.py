"""Runs the migrations on the connection, and in the transaction, that `sluice.store.migrate` opened."""

from alembic import context

from sluice.store.tables import VERSION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
