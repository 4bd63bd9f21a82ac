"""Signed bundles: a payload in a DSSE envelope, in the Sigstore bundle that OpenSSF tools read.

https://github.com/secure-systems-lab/dsse and https://docs.sigstore.dev/about/bundle. The payload's
type is signed with it, so a signed ledger head never passes for a signed release.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from sluice.errors import IntegrityError
from sluice.registry.keys import PublicKey, SigningKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def sealed(payload_type: str, payload: bytes, key: SigningKey) -> bytes:
    """The bundle's JSON."""
    signature = key.sign(_authenticated(payload_type, payload))
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": key.public.id},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": _text(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": _text(signature), "keyid": ""}],
        },
    }
    return json.dumps(bundle, indent=2).encode() + b"\n"


def opened(
    content: bytes, payload_type: str, keys: Sequence[PublicKey], name: str
) -> tuple[bytes, PublicKey]:
    """The payload, and the key that signed it; nothing of it is parsed before that is known.

    Args:
        content: the bundle's JSON.
        payload_type: what it must hold.
        keys: whose signatures count.
        name: of the bundle, for messages.

    Raises:
        IntegrityError: it is no such bundle, or not signed by any of the keys.
    """
    hint, found_type, payload, signature = _parts(content, name)
    if found_type != payload_type:
        raise IntegrityError(f"{name}: holds {found_type}, not {payload_type}")
    key = next((key for key in keys if key.id == hint), None)
    if key is None:
        raise IntegrityError(
            f"{name}: signed with key {hint[:16]}, which is revoked or was never trusted here"
        )
    if not key.verifies(_authenticated(payload_type, payload), signature):
        raise IntegrityError(f"{name}: the signature is not that of key {hint[:16]}")
    return payload, key


def _parts(content: bytes, name: str) -> tuple[str, str, bytes, bytes]:
    """Key id, payload type, payload and signature."""
    try:
        bundle: dict[str, Any] = json.loads(content)
        envelope = bundle["dsseEnvelope"]
        (signed,) = envelope["signatures"]
        return (
            str(bundle["verificationMaterial"]["publicKey"]["hint"]),
            str(envelope["payloadType"]),
            base64.b64decode(envelope["payload"], validate=True),
            base64.b64decode(signed["sig"], validate=True),
        )
    except (ValueError, TypeError, KeyError, binascii.Error) as error:
        raise IntegrityError(f"{name}: is no signed bundle") from error


def _authenticated(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, which is what is signed."""
    head = f"DSSEv1 {len(payload_type.encode())} {payload_type} {len(payload)} "
    return head.encode() + payload


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
