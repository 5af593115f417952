"""The keys that sign login tokens: made on the first start, shared or replaced on purpose.

Several servers of one deployment share the text in ``NOTEBOOK_AGENTS_SECRET_KEY``. Without it the
key is in a file of the home folder that only its owner can read; ``jupyter agents keys
rotate-signing-key`` puts a new one there and keeps the old one until the tokens it signed have
expired. A running server notices within `FRESH_S` seconds, or when a token names a key it does not
know.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from joserfc.jwk import OctKey

from notebook_agents.core.errors import Conflict, InvalidRequest
from notebook_agents_server.kernels import SECRET_KEY_ENV

KEY_BYTES = 32
KEY_FILE = "token_key"
RETIRED_FILE = "token_key.retired"
FRESH_S = 5.0
"""Seconds after which the files are looked at again, at the next request."""
KEEP_RETIRED = timedelta(days=30)
"""How long a replaced key still opens what it sealed, after its tokens: servers seal anew hourly,
but one may be stopped for a while."""
MIN_SECRET_LENGTH = 32
"""RFC 7518, section 3.2: a key for HS256 has at least 256 bits; these are characters."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, and the name that its tokens call it by."""

    bytes: bytes
    until: datetime | None = None
    """When a key that was replaced stops being accepted."""

    @property
    def kid(self) -> str:
        """Its fingerprint."""
        return hashlib.sha256(self.bytes).hexdigest()[:16]

    @property
    def jwk(self) -> OctKey:
        """The key as joserfc takes it."""
        return OctKey.import_key(self.bytes)


class Keyring:
    """The key that signs, and those whose tokens are still accepted."""

    def __init__(self, keys: list[SigningKey], home: Path | None = None) -> None:
        self._home = home
        self._take(keys)

    @classmethod
    def open(cls, home: Path) -> Keyring:
        """The keys of this deployment; one is made on the first call. Blocks on the disk."""
        if shared := _shared_keys():
            return cls(shared)
        return cls(_read_keys(home), home)

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self._current

    def find(self, kid: object) -> SigningKey | None:
        """The accepted key of that name."""
        key = self._keys.get(kid) if isinstance(kid, str) else None
        is_over = key is not None and key.until is not None and key.until <= datetime.now(UTC)
        return None if is_over else key

    def secrets(self) -> tuple[bytes, ...]:
        """All keys, also those whose tokens are no longer accepted, the current one first."""
        return (self._current.bytes, *(k.bytes for k in self._keys.values() if k != self._current))

    async def keep_fresh(self) -> None:
        """Look whether the keys were replaced, unless that was done a moment ago."""
        if time.monotonic() - self._read_at >= FRESH_S:
            await self.refresh()

    async def refresh(self) -> None:
        """Look whether the keys were replaced."""
        if self._home is not None:
            loop = asyncio.get_running_loop()
            self._take(await loop.run_in_executor(None, _read_keys, self._home))

    def _take(self, keys: list[SigningKey]) -> None:
        self._read_at = time.monotonic()
        self._current = keys[0]
        self._keys = {key.kid: key for key in keys}


def rotate(home: Path, *, accept_s: float) -> str:
    """Sign with a new key from now on; returns its name. Blocks on the disk.

    Tokens of the old key are accepted for ``accept_s`` more seconds; 0 ends every login. What old
    keys have sealed can be opened for `KEEP_RETIRED` longer. Conflict when the keys come from the
    environment, where nothing can be replaced.
    """
    if os.environ.get(SECRET_KEY_ENV):
        raise Conflict(
            f"the signing key comes from {SECRET_KEY_ENV}: put a new text in front of the old one,"
            " with a comma between them, and restart the servers; remove the old one when its"
            " tokens have expired"
        )
    now = datetime.now(UTC)
    current, *retired = _read_keys(home)
    old = [(current.bytes, now + timedelta(seconds=accept_s))]
    old += [(key.bytes, key.until) for key in retired if key.until is not None]
    lines = [
        f"{key.hex()} {(until if accept_s else min(until, now)).isoformat()}"
        for key, until in old
        if until > now - KEEP_RETIRED
    ]
    fresh = secrets.token_bytes(KEY_BYTES)
    # First the old key among the retired, then the new one: in between both name the old one.
    _replace(home / RETIRED_FILE, "\n".join(lines))
    _replace(home / KEY_FILE, fresh.hex())
    return SigningKey(fresh).kid


def write_secret(path: Path, text: str) -> bool:
    """Write a 0600 file, whole or not at all; False when there already is one."""
    draft = _draft(path, text)
    try:
        # A hard link refuses to replace: of two servers that start at once, one wins.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _shared_keys() -> list[SigningKey]:
    texts = [part.strip() for part in os.environ.get(SECRET_KEY_ENV, "").split(",")]
    texts = [text for text in texts if text]
    for text in texts:
        if len(text) < MIN_SECRET_LENGTH:
            raise InvalidRequest(
                f"{SECRET_KEY_ENV} needs at least {MIN_SECRET_LENGTH} characters; make one with"
                " python -c 'import secrets; print(secrets.token_hex(32))'"
            )
    return [SigningKey(hashlib.sha256(text.encode()).digest()) for text in texts]


def _read_keys(home: Path) -> list[SigningKey]:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, retired = home / KEY_FILE, home / RETIRED_FILE
    if not path.exists():
        write_secret(path, secrets.token_hex(KEY_BYTES))
    keys = [SigningKey(bytes.fromhex(path.read_text(encoding="ascii").strip()))]
    if retired.exists():
        for line in retired.read_text(encoding="ascii").splitlines():
            text, until = line.split()
            keys.append(SigningKey(bytes.fromhex(text), datetime.fromisoformat(until)))
    # While keys are being replaced the old one is in both files; it is the one that signs.
    return keys[:1] + [key for key in keys[1:] if key.kid != keys[0].kid]


def _replace(path: Path, text: str) -> None:
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n" if text else "")
    return draft
