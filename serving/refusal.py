"""Why a release is not in service, in a word for everybody; the server's log has the sentence."""

from sluice.errors import IntegrityError
from sluice.serving.port import RefusalReason


class Untrusted(IntegrityError):
    """Its signature is missing, wrong, or by a key that is not trusted now."""


class Unfit(IntegrityError):
    """It cannot be loaded, or does not repeat its golden requests."""


class Unreadable(IntegrityError):
    """What names the release cannot be read, or went back."""


_REASONS: tuple[tuple[type[Exception], RefusalReason], ...] = (
    (Unreadable, RefusalReason.POINTER),
    (Untrusted, RefusalReason.UNTRUSTED),
    (Unfit, RefusalReason.UNFIT),
    (IntegrityError, RefusalReason.DAMAGED),
)


def refusal_reason(error: Exception) -> RefusalReason:
    """The word for an error that kept a release out of service."""
    fitting = (reason for kind, reason in _REASONS if isinstance(error, kind))
    return next(fitting, RefusalReason.OTHER)
