"""The event log: schemas, adapters, snapshots, time splits."""
