"""The bake: how long a promoted version has to serve before it counts as good.

While it bakes, the last good version stays the one to go back to: no other version may take the
provisional champion's place, and nothing confirms it. A rollback ends it at any time.
"""

from datetime import datetime, timedelta

from sluice.errors import Held
from sluice.registry.moves import named, position_of, version_of
from sluice.store.port import Store
from sluice.store.records import Champion, LedgerRow, State, Version

NO_BAKE = timedelta(0)


def bakes_until(store: Store, version: Version, bake: timedelta) -> datetime | None:
    """When the provisional champion has served long enough; None for any other version.

    Wall time, counted from the promotion's row in the ledger.
    """
    if position_of(store, version).state is not State.CHAMPION_PROVISIONAL:
        return None
    return promoted_at(store, version) + bake


def promoted_at(store: Store, version: Version) -> datetime:
    """When a version that was promoted was last promoted, by the ledger."""
    rows = store.find(
        LedgerRow, surface=version.surface, version=version.number, action="promote"
    )
    return rows[-1].at


def has_baked(store: Store, version: Version, bake: timedelta, at: datetime) -> bool:
    """Whether it is the provisional champion and has served long enough to be confirmed."""
    until = bakes_until(store, version, bake)
    return until is not None and at >= until


def ensure_baked(store: Store, version: Version, bake: timedelta, at: datetime) -> None:
    """Let a version pass that is no longer baking.

    Raises:
        Held: it is; the message says until when.
    """
    until = bakes_until(store, version, bake)
    # Without a bake nobody waits, also not for a clock that was put back to catch up.
    if bake and until is not None and at < until:
        raise Held(f"{named(version)} bakes until {until.isoformat(timespec='seconds')}")


def ensure_may_follow(
    store: Store, champion: Champion | None, bake: timedelta, at: datetime
) -> None:
    """Let the next version take the champion's place, unless that one bakes.

    A champion without a last good version before it holds nobody: there is no way back from it,
    only forward.

    Raises:
        Held: it bakes; the message says until when, and how to end it.
    """
    if champion is None or champion.last_good_version is None:
        return
    try:
        ensure_baked(store, version_of(store, champion.surface, champion.version), bake, at)
    except Held as error:
        raise Held(
            f"{error}, and version {champion.last_good_version} stays ready until then; wait, or end it "
            f"with `sluice champion rollback {champion.surface}`"
        ) from error
