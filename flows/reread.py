"""The newest earlier snapshots, read again: does the log still say the same of their time?"""

from sluice.data.revisions import revisions
from sluice.data.snapshot import open_snapshot
from sluice.data.tables import LogTables
from sluice.errors import NotFound
from sluice.features.declaration.spec import FeatureSpec
from sluice.flows.workplace import Workplace
from sluice.gates.revised import Revised
from sluice.store.records import SnapshotRecord

ALWAYS_READ = frozenset({"item.provider_id", "item.category", "item.published_at"})
"""Facts that a state keeps of every item, whatever is declared."""


def reread(workplace: Workplace, snapshot: str) -> Revised | None:
    """Held against the newest snapshot that ended before this one and is still there; None without any.

    The oldest would show more, but a log that was mended once would be accused for ever.
    """
    store, folder = workplace.store, workplace.settings.snapshots
    this = store.get(SnapshotRecord, surface=workplace.name, digest=snapshot)
    if this is None:
        return None
    before = [
        record
        for record in store.find(SnapshotRecord, surface=workplace.name)
        if record.end < this.end
    ]
    now = open_snapshot(folder, snapshot)
    for record in sorted(before, key=lambda record: record.end, reverse=True):
        try:
            earlier = open_snapshot(folder, record.digest)
        except NotFound:
            # Cleared away to save room; the one before it may still be there.
            continue
        return _revised(record, earlier.read(), now.read(), workplace.surface.features)
    return None


def _revised(
    record: SnapshotRecord, earlier: LogTables, now: LogTables, features: FeatureSpec
) -> Revised:
    columns = revisions(earlier, now, record.end)
    read = {name: column for name, column in columns.items() if _is_read(name, features)}
    return Revised(record.digest, read)


def _is_read(name: str, features: FeatureSpec) -> bool:
    """Whether a candidate can have learned from it: what nothing reads may change as it likes."""
    if name == "item.embedding":
        return features.similarity > 0
    return name in ALWAYS_READ or (features.context and not name.startswith("item."))
