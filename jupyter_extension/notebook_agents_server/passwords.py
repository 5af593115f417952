"""Password hashes: argon2id, computed on a worker thread because it is slow on purpose."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Argon2Hasher:
    """Answers the core's PasswordHasher port with argon2id (RFC 9106, low-memory profile)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._decoy: str = ""

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and parameters."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._hasher.hash, password)

    async def verify(self, password: str, stored: str) -> bool:
        """Whether the password fits; an empty ``stored`` costs the same time and never fits."""
        if not self._decoy:
            self._decoy = await self.hash("decoy")
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(None, self._fits, password, stored or self._decoy)
        return is_right and bool(stored)

    def _fits(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
