"""Login tokens: JWTs signed with this deployment's own keys.

One algorithm, one issuer; ``exp nbf iss aud sub jti`` must all be there. The header's ``kid`` names
one of the keys of the `Keyring` and nothing else. Access tokens and refresh tokens have different
audiences, so that none passes for the other; ``sid`` is the login both belong to, ``epo`` the epoch
of the account, ``dlt`` the dialect of the login.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError

from notebook_agents.core.errors import CredentialExpired, NotAuthenticated
from notebook_agents.core.ids import new_id
from notebook_agents.core.logins import IssuedTokens

if TYPE_CHECKING:
    from notebook_agents.core.logins import Login
    from notebook_agents_server.signing import Keyring, SigningKey

ALGORITHM = "HS256"
ISSUER = "notebook-agents"
ACCESS = "notebook-agents"
REFRESH = "notebook-agents/refresh"
LEEWAY_S = 30
"""How far apart two clocks may be."""
REFUSED = "the token is invalid or expired"


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
    generation: int
    """Of the login; refresh tokens only."""


class Tokens:
    """Issues and reads login tokens."""

    def __init__(self, keyring: Keyring, *, lifetime_s: int) -> None:
        self._keyring = keyring
        self._lifetime_s = lifetime_s

    async def issue(self, login: Login, *, at_most_s: int | None = None) -> IssuedTokens:
        """New tokens of a login; its dialect may want access tokens that end earlier."""
        await self._keyring.refresh()
        login_s = int(login.lifetime.total_seconds())
        lifetime_s = min(self._lifetime_s, at_most_s or self._lifetime_s, login_s)
        common = {"sub": login.owner_id, "sid": login.id, "dlt": login.dialect}
        access = {**common, "aud": ACCESS, "epo": login.token_epoch}
        refresh = {**common, "aud": REFRESH, "gen": login.generation}
        now = datetime.now(UTC)
        return IssuedTokens(
            access=self.sign(access, until=now + timedelta(seconds=lifetime_s)),
            expires_in_s=lifetime_s,
            # A later generation's ends with its login, which is looked up whenever it is used.
            refresh=self.sign(refresh, until=now + login.lifetime),
        )

    def sign(self, claims: dict[str, Any], *, until: datetime) -> str:
        """A signed token with these claims beside the usual ones."""
        key, now = self._keyring.current, datetime.now(UTC)
        usual = {"iss": ISSUER, "jti": new_id(), "iat": now, "nbf": now, "exp": until}
        header = {"alg": ALGORITHM, "kid": key.kid}
        return jwt.encode(header, {**usual, **claims}, key.jwk, algorithms=[ALGORITHM])

    def derive(self, purpose: str, text: str) -> str:
        """A secret that belongs to a token signed here: always the same, known to nobody else."""
        key = self._keyring.find(_kid_of(text))
        if key is None:
            raise NotAuthenticated(REFUSED)
        digest = hmac.digest(key.bytes, f"{purpose}:{text}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    async def read(self, text: str, *, audience: str = ACCESS) -> Claims:
        """What the token says; NotAuthenticated unless every part of it is right."""
        try:
            return _claims(await self.verify(text, audience=audience))
        except (KeyError, ValueError, TypeError) as error:
            raise NotAuthenticated(REFUSED) from error

    async def verify(self, text: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token of ours; NotAuthenticated unless every part of it is right."""
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            nbf={"essential": True},
            sub={"essential": True},
            jti={"essential": True},
        )
        try:
            key = await self._key_of(text)
            token = jwt.decode(text, key.jwk, algorithms=[ALGORITHM])
            registry.validate(token.claims)
        except ExpiredTokenError as error:
            raise CredentialExpired("the token has expired; log in again") from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotAuthenticated(REFUSED) from error
        return token.claims

    async def _key_of(self, text: str) -> SigningKey:
        kid = _kid_of(text)
        await self._keyring.keep_fresh()
        key = self._keyring.find(kid)
        if key is None:  # perhaps it was replaced a moment ago
            await self._keyring.refresh()
            key = self._keyring.find(kid)
        if key is None:
            raise NotAuthenticated(REFUSED)
        return key


def _kid_of(text: str) -> object:
    return jws.extract_compact(text.encode("ascii")).headers().get("kid")


def _claims(claims: dict[str, Any]) -> Claims:
    return Claims(
        user_id=str(claims["sub"]),
        jti=str(claims["jti"]),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
        dialect=str(claims.get("dlt", "")),
        token_epoch=int(claims.get("epo", 0)),
        login_id=str(claims.get("sid", "")),
        generation=int(claims.get("gen", 0)),
    )
