"""What a receiver checks: two signatures with the webhook's secret, and secrets kept sealed.

The documents want ``signature`` inside the body: HMAC-SHA256 over the canonical JSON of the body
without it. Beside it, in headers, travels what Standard Webhooks describes: HMAC-SHA256 over
``id.timestamp.body``, the body being the bytes as they are sent. ``docs/webhooks.md`` shows how to
check both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from datetime import datetime

    from notebook_agents.core.deliveries import Letter

ENCODED_PREFIX = "whsec_"
"""Standard Webhooks: what follows is the key in base64."""
KEY_BYTES = (16, 64)
"""The shortest and the longest key behind the prefix."""
LARGEST_INTEGER = 2**53 - 1
"""Beyond it JavaScript's numbers are not exact (RFC 8785 §3.2.2.3)."""
PLAIN_NUMBERS = (1e-4, 1e15)
"""Between these every language writes a number with the same digits and no exponent."""
Keys: TypeAlias = Callable[[], Sequence[bytes]]
"""The server's keys as they are now, the newest first."""
_PURPOSE = b"notebook-agents webhook secrets"
_HEADER = {"alg": "dir", "enc": "A256GCM"}


class SealedSecrets:
    """Encrypts secrets with keys of the server, so that the database alone does not tell them."""

    def __init__(self, keys: Keys, *, purpose: bytes = _PURPOSE) -> None:
        """Seal with the first key, open with any: older keys are good until they are dropped.

        What was sealed for one purpose cannot be opened for another.
        """
        self._keys = keys
        self._purpose = purpose

    def seal(self, secret: str) -> str:
        """The secret as a JWE."""
        return jwe.encrypt_compact(_HEADER, secret.encode(), self._derived()[0])

    def open(self, sealed: str) -> str | None:
        """The secret; None when it was sealed with a key that is not here."""
        return self._open(sealed)[0]

    def renew(self, sealed: str) -> str:
        """Sealed with the first key; as it is when it was already, or cannot be opened."""
        secret, n_key = self._open(sealed)
        return sealed if secret is None or n_key == 0 else self.seal(secret)

    def _open(self, sealed: str) -> tuple[str | None, int]:
        for n_key, key in enumerate(self._derived()):
            try:
                plaintext = jwe.decrypt_compact(sealed, key).plaintext
            except (JoseError, ValueError):
                continue
            return (plaintext or b"").decode(), n_key
        return None, 0

    def _derived(self) -> list[OctKey]:
        return [
            OctKey.import_key(hmac.digest(key, self._purpose, "sha256")) for key in self._keys()
        ]


def check_secret(secret: str) -> None:
    """Raise InvalidRequest on the field ``secret`` when it promises base64 and is none."""
    if not secret.isprintable():
        raise InvalidRequest("a secret has no control characters", field="secret")
    if not secret.startswith(ENCODED_PREFIX):
        return
    shortest, longest = KEY_BYTES
    try:
        size = len(base64.b64decode(secret.removeprefix(ENCODED_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not shortest <= size <= longest:
        raise InvalidRequest(
            f"after {ENCODED_PREFIX!r} a secret is {shortest} to {longest} bytes in base64",
            field="secret",
        )


def canonical(value: Any) -> bytes:
    """Keys sorted, no spaces, UTF-8: what is signed."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def portable(value: Any) -> Any:
    """The value with numbers and texts that every language writes alike.

    Whole numbers are integers; a number that JavaScript could not keep, or that languages write
    with different exponents, becomes a text.
    """
    if isinstance(value, dict):
        return {portable(str(key)): portable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [portable(entry) for entry in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or value is None:
        return value
    smallest, largest = PLAIN_NUMBERS
    is_plain = (
        abs(value) <= LARGEST_INTEGER
        if isinstance(value, int)
        else smallest <= abs(value) < largest
    )
    return value if is_plain else str(value)


def body_of(letter: Letter, secret: str) -> bytes:
    """The documented body, signed."""
    unsigned = {
        "event": letter.event,
        "timestamp": _timestamp(letter.occurred_at),
        "data": portable(letter.data),
    }
    digest = hmac.digest(secret.encode(), canonical(unsigned), hashlib.sha256).hex()
    signed = unsigned | {"signature": f"sha256={digest}"}
    return json.dumps(signed, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(letter: Letter, secret: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks; the timestamp is that of the attempt."""
    timestamp = str(int(letter.sent_at.timestamp()))
    signed = f"{letter.id}.{timestamp}.".encode() + body
    digest = hmac.digest(_key_of(secret), signed, hashlib.sha256)
    return {
        "webhook-id": letter.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key_of(secret: str) -> bytes:
    if secret.startswith(ENCODED_PREFIX):
        return base64.b64decode(secret.removeprefix(ENCODED_PREFIX))
    return secret.encode()


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
