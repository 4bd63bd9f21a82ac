"""The relay: carries moves of champions and canaries from the outbox to their mirrors, at least once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sluice.errors import Conflict, SluiceError
from sluice.store.canary import Canary
from sluice.store.port import Store
from sluice.store.records import Champion, OutboxRow


class Receiver(Protocol):
    """A mirror of the champion: the serving pointer, MLflow's alias; or of the canary, its pointer.

    A move may come more than once: a receiver that is at that epoch with that release does nothing,
    one that is past the epoch refuses with a `Conflict`. What else it cannot do it says by a
    `SluiceError` or an `OSError`.
    """

    @property
    def name(self) -> str: ...

    def deliver(self, row: OutboxRow) -> None: ...


class DeliveryError(SluiceError):
    """A receiver did not take a move; it stays in the outbox and is sent again."""


@dataclass(frozen=True)
class _Stop:
    """The first move of a surface that a receiver did not take."""

    surface: str
    sequence: int
    why: str


def relay(store: Store, receivers: Sequence[Receiver]) -> tuple[OutboxRow, ...]:
    """Send every undelivered move of a champion to every receiver; acknowledge what all have taken.

    A receiver that fails hears no later move of that surface in this round. All else goes on:
    serving follows a rollback with MLflow down. The next round sends the row to all again, so one
    that a receiver refuses, and that is no longer the champion's, was overtaken and counts as taken.

    Returns:
        The moves that all receivers have now taken.

    Raises:
        DeliveryError: a receiver failed; the message names each and why.
    """
    rows = store.find(OutboxRow, delivered=False, share=None)
    epochs = {champion.surface: champion.epoch for champion in store.find(Champion)}
    return _relayed(store, receivers, rows, epochs)


def relay_canaries(store: Store, receivers: Sequence[Receiver]) -> tuple[OutboxRow, ...]:
    """The same of every undelivered move of a canary, which champions' mirrors never hear of.

    Raises:
        DeliveryError: a receiver failed; the message names each and why.
    """
    waiting = store.find(OutboxRow, delivered=False)
    rows = [row for row in waiting if row.share is not None]
    epochs = {canary.surface: canary.epoch for canary in store.find(Canary)}
    return _relayed(store, receivers, rows, epochs)


def reconcile(store: Store, receivers: Sequence[Receiver]) -> None:
    """Send the present champion of every surface again, to mend a mirror that lost it.

    Raises:
        DeliveryError: a receiver failed, or holds another release at the champion's epoch.
    """
    rows = [_last_move(store, champion) for champion in store.find(Champion)]
    _report([stop for receiver in receivers for stop in _send(receiver, rows, {})])


def reconcile_canaries(store: Store, receivers: Sequence[Receiver]) -> None:
    """Send the present canary of every surface again, also one that ended.

    Raises:
        DeliveryError: a receiver failed, or holds another canary at that epoch.
    """
    rows = [_last_canary_move(store, canary) for canary in store.find(Canary)]
    _report([stop for receiver in receivers for stop in _send(receiver, rows, {})])


def _relayed(
    store: Store,
    receivers: Sequence[Receiver],
    rows: Sequence[OutboxRow],
    epochs: Mapping[str, int],
) -> tuple[OutboxRow, ...]:
    stops = [stop for receiver in receivers for stop in _send(receiver, rows, epochs)]
    taken = tuple(row for row in rows if not _stopped(row, stops))
    for row in taken:
        store.acknowledge(row.sequence)
    _report(stops)
    return taken


def _send(
    receiver: Receiver, rows: Sequence[OutboxRow], epochs: Mapping[str, int]
) -> Iterator[_Stop]:
    failed = set()
    for row in rows:
        if row.surface in failed:
            continue
        try:
            receiver.deliver(row)
        except (SluiceError, OSError) as error:
            if isinstance(error, Conflict) and row.epoch < epochs.get(row.surface, 0):
                continue
            failed.add(row.surface)
            why = f"{receiver.name}: epoch {row.epoch} of {row.surface}: {error}"
            yield _Stop(row.surface, row.sequence, why)


def _stopped(row: OutboxRow, stops: Sequence[_Stop]) -> bool:
    return any(
        stop.surface == row.surface and stop.sequence <= row.sequence for stop in stops
    )


def _report(stops: Sequence[_Stop]) -> None:
    if stops:
        raise DeliveryError("; ".join(stop.why for stop in stops))


def _last_move(store: Store, champion: Champion) -> OutboxRow:
    surface, epoch = champion.surface, champion.epoch
    return store.find(OutboxRow, surface=surface, epoch=epoch, share=None)[0]


def _last_canary_move(store: Store, canary: Canary) -> OutboxRow:
    rows = store.find(OutboxRow, surface=canary.surface, epoch=canary.epoch)
    return next(row for row in rows if row.share is not None)
