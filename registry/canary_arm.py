"""Who is served by the canary: decided by a hash of the person, the same on every worker and day."""

from hashlib import blake2b

_WHOLE = 1 << 64


def in_canary(user_id: str, share: float, salt: str) -> bool:
    """Whether the person belongs to the canary's share.

    A larger share keeps everybody of a smaller one. Another salt chooses other people, so that not
    the same ones try every canary.

    Args:
        user_id: as in the event log.
        share: of all people, 0 nobody, 1 everybody.
        salt: digest of the canary's release.
    """
    digest = blake2b(f"{salt}\0{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * _WHOLE
