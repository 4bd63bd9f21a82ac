"""What every sink is: a function of an alert."""

from typing import Protocol

from sluice.monitors.alerts.alert import Alert


class Deliver(Protocol):
    """Delivers an alert, or says why not."""

    def __call__(self, alert: Alert, /) -> None:
        """Return once the other side has it.

        Raises:
            SluiceError: it does not; what a credential says is never part of the message.
        """
        ...
