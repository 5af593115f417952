"""Login tokens: JWTs signed with this deployment's own key.

One algorithm, one issuer, one audience; ``exp nbf iss aud sub jti`` must all be there. The key is
made on the first start and kept in a file that only its owner can read; its fingerprint is the
token's ``kid``. Deleting the file ends every login.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from notebook_agents.core.errors import NotAuthenticated
from notebook_agents.core.ids import new_id

if TYPE_CHECKING:
    from notebook_agents.core.users import User

ALGORITHM = "HS256"
ISSUER = "notebook-agents"
AUDIENCE = "notebook-agents"
LEEWAY_S = 30
"""How far apart two clocks may be."""
KEY_BYTES = 32
KEY_FILE = "token_key"
REFUSED = "the token is invalid or expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token as its bearer gets it."""

    text: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a valid token says."""

    user_id: str
    jti: str
    expires_at: datetime
    dialect: str
    """Through which login it was issued."""
    token_epoch: int
    """Of the account when it was issued."""
    login_id: str
    """To which login it belongs."""


class Tokens:
    """Issues and reads login tokens."""

    def __init__(self, key: bytes, *, lifetime_s: int) -> None:
        self._kid = hashlib.sha256(key).hexdigest()[:16]
        self._key = OctKey.import_key(key)
        self._lifetime_s = lifetime_s
        self._registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            nbf={"essential": True},
            sub={"essential": True},
            jti={"essential": True},
        )

    def issue(self, user: User, *, dialect: str) -> IssuedToken:
        """A new token for a user who has just proved who they are."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.id,
            "jti": new_id(),
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self._lifetime_s),
            "dlt": dialect,
            "epo": user.token_epoch,
        }
        header = {"alg": ALGORITHM, "kid": self._kid}
        text = jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])
        return IssuedToken(text=text, expires_in_s=self._lifetime_s)

    def read(self, text: str) -> Claims:
        """What the token says; NotAuthenticated unless every part of it is right."""
        try:
            token = jwt.decode(text, self._key, algorithms=[ALGORITHM])
            if token.header.get("kid") != self._kid:
                raise NotAuthenticated(REFUSED)
            self._registry.validate(token.claims)
            return _claims(token.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotAuthenticated(REFUSED) from error


def load_key(home: Path) -> bytes:
    """This deployment's signing key; made on the first call. Blocks on the disk."""
    path = home / KEY_FILE
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        write_secret(path, secrets.token_hex(KEY_BYTES))
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


def write_secret(path: Path, text: str) -> bool:
    """Write a 0600 file, whole or not at all; False when there already is one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        # A hard link refuses to replace: of two servers that start at once, one wins.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _claims(claims: dict[str, Any]) -> Claims:
    return Claims(
        user_id=str(claims["sub"]),
        jti=str(claims["jti"]),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        dialect=str(claims.get("dlt", "")),
        token_epoch=int(claims.get("epo", 0)),
        login_id=str(claims.get("sid", "")),
    )
