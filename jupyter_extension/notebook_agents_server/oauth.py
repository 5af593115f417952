"""Logging in with an account of Google, or of another OpenID provider.

Authorization code flow with PKCE (S256), nonce and a signed id token (OpenID Connect Core 1.0,
section 3.1; RFC 9700). Nothing is kept between the two requests: the state is a token of ours that
expires, is good once on all servers of the database, and carries the redirect URI; the PKCE
verifier and the nonce are derived from it with the key that signed it, so nobody else knows them.
No cookie is set. A page that takes part in the flow compares the state it gets back with the one
in the address it opened.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from notebook_agents.core.errors import InvalidRequest, NotAuthenticated, NotebookAgentsError
from notebook_agents.core.external_logins import ExternalProfile

if TYPE_CHECKING:
    from notebook_agents.core.logins import Logins
    from notebook_agents_server.oauth_settings import OAuthSettings
    from notebook_agents_server.tokens import Tokens

SCOPE = "openid email profile"
STATE = "notebook-agents/oauth"
STATE_LIFETIME_S = 600
ALGORITHMS = ["RS256", "ES256", "PS256"]
"""How id tokens may be signed: with a key of the provider's, never with a shared one."""
LEEWAY_S = 60
METADATA_LIFETIME_S = 3600
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
UNUSABLE = "the state is invalid, expired or was used; begin again with authorize"
_log = logging.getLogger(__name__)


class OAuthLogin:
    """Sends people to the provider and finds out who comes back."""

    def __init__(self, settings: OAuthSettings, tokens: Tokens, logins: Logins) -> None:
        self._settings = settings
        self._tokens = tokens
        self._logins = logins
        self._metadata: Mapping[str, Any] = {}
        self._metadata_until = 0.0

    @property
    def is_enabled(self) -> bool:
        """Whether there is a provider to go to."""
        return bool(self._settings.client_id)

    async def authorization_url(self, redirect_uri: str, *, home: str) -> str:
        """Where to log in; the provider sends people back to the redirect URI.

        InvalidRequest unless that is below ``home``, this server's origin and base URL, or on the
        allow-list.
        """
        self._require_enabled()
        self._check_redirect(redirect_uri, home)
        metadata = await self._provider()
        until = datetime.now(UTC) + timedelta(seconds=STATE_LIFETIME_S)
        claims = {"sub": "oauth", "aud": STATE, "uri": redirect_uri}
        state = self._tokens.sign(claims, until=until)
        return str(
            prepare_grant_uri(
                metadata["authorization_endpoint"],
                self._settings.client_id,
                "code",
                redirect_uri,
                SCOPE,
                state,
                nonce=self._tokens.derive("nonce", state),
                code_challenge=create_s256_code_challenge(self._tokens.derive("pkce", state)),
                code_challenge_method="S256",
            )
        )

    async def finish(self, *, code: str, state: str) -> ExternalProfile:
        """Who logged in; InvalidRequest for a wrong code or state.

        NotebookAgentsError when the provider does not answer as a provider must.
        """
        self._require_enabled()
        claims = await self._use_up(state)
        answer = await self._redeem(code, state, str(claims["uri"]))
        token = await self._id_token(answer, nonce=self._tokens.derive("nonce", state))
        return ExternalProfile(
            issuer=str(token["iss"]),
            subject=str(token["sub"]),
            email=str(token.get("email", "")),
            is_email_verified=token.get("email_verified") in (True, "true"),
            name=str(token.get("name", "")),
            picture=_https(str(token.get("picture", ""))),
        )

    def _require_enabled(self) -> None:
        if not self.is_enabled:
            raise NotebookAgentsError(
                "OAuth configuration error: this server has no oauth_client_id"
            )

    def _check_redirect(self, uri: str, home: str) -> None:
        if uri not in self._settings.redirects and not _is_below(uri, home):
            raise InvalidRequest(
                "the address is neither at this server nor in oauth_redirects",
                field="redirect_uri",
            )

    async def _use_up(self, state: str) -> dict[str, Any]:
        try:
            claims = await self._tokens.verify(state, audience=STATE)
        except NotAuthenticated as error:
            raise InvalidRequest(UNUSABLE, field="state") from error
        until = datetime.fromtimestamp(int(claims["exp"]), UTC)
        if not await self._logins.revoke(str(claims["jti"]), "", until):
            raise InvalidRequest(UNUSABLE, field="state")
        return claims

    async def _redeem(self, code: str, state: str, redirect_uri: str) -> dict[str, Any]:
        """Exchange the code; the provider checks that the verifier fits its challenge."""
        endpoint = (await self._provider())["token_endpoint"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "code_verifier": self._tokens.derive("pkce", state),
        }
        try:
            return await _ask(endpoint, form)
        except HTTPClientError as error:
            if error.code not in (400, 401):
                raise _unusable_provider(error) from error
            said = _error_word(error)
            if said == "invalid_grant":
                raise InvalidRequest("the authorization code is invalid", field="code") from error
            _log.error("the OpenID provider refuses this server's client: %s", said)
            raise NotebookAgentsError(
                "OAuth processing error: the provider refuses this server's client"
            ) from error
        except (OSError, ValueError) as error:
            raise _unusable_provider(error) from error

    async def _id_token(self, answer: Mapping[str, Any], *, nonce: str) -> CodeIDToken:
        """The claims of the id token, once everything about it is right."""
        metadata, text = await self._provider(), str(answer.get("id_token", ""))
        options = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": self._settings.client_id},
        }
        params = {
            "nonce": nonce,
            "client_id": self._settings.client_id,
            "access_token": answer.get("access_token"),
        }
        try:
            keys = await self._keys(_kid_of(text))
            token = jwt.decode(text, keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            _log.error("the id token of %s is refused: %r", metadata["issuer"], error)
            raise NotebookAgentsError("OAuth processing error: the id token is wrong") from error
        return claims

    async def _keys(self, kid: object) -> KeySet:
        """The provider's keys; asked again when it signed with one that is not known yet."""
        metadata = await self._provider()
        if not any(key.get("kid") == kid for key in metadata["jwks"]["keys"]):
            self._metadata_until = 0.0
            metadata = await self._provider()
        # Keys for encryption, and of kinds that sign nothing here, are not the provider's word.
        keys = [
            key
            for key in metadata["jwks"]["keys"]
            if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
        ]
        return KeySet.import_key_set({"keys": keys})

    async def _provider(self) -> Mapping[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0) with its keys."""
        if time.monotonic() >= self._metadata_until:
            issuer = self._settings.issuer.rstrip("/")
            try:
                metadata = await _ask(f"{issuer}/.well-known/openid-configuration")
                if str(metadata["issuer"]).rstrip("/") != issuer:
                    raise ValueError(f"it calls itself {metadata['issuer']!r}")
                for name in ("authorization_endpoint", "token_endpoint"):
                    if not isinstance(metadata[name], str):
                        raise TypeError(f"its {name} is no address")
                metadata["jwks"] = await _ask(metadata["jwks_uri"])
            except (OSError, HTTPClientError, ValueError, KeyError, TypeError) as error:
                raise _unusable_provider(error) from error
            self._metadata = metadata
            self._metadata_until = time.monotonic() + METADATA_LIFETIME_S
        return self._metadata


def _is_below(uri: str, home: str) -> bool:
    # Behind a proxy such as a Hub's, the same origin has other people's servers too.
    parts, ours = urlsplit(uri), urlsplit(home)
    path = unquote(parts.path)
    return (
        (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
        and path.startswith(f"{unquote(ours.path).rstrip('/')}/")
        and not {".", ".."}.intersection(path.split("/"))  # a browser would walk out on them
        and not parts.fragment
        and "\\" not in unquote(uri)
    )


async def _ask(url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address; never follows a redirect."""
    request = HTTPRequest(
        url,
        method="GET" if form is None else "POST",
        headers={"Accept": "application/json"},
        body=None if form is None else urlencode(form),
        request_timeout=TIMEOUT_S,
        connect_timeout=TIMEOUT_S,
        follow_redirects=False,
    )
    client = AsyncHTTPClient(force_instance=True, defaults={}, max_body_size=MAX_ANSWER_BYTES)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await client.fetch(request)
    finally:
        client.close()
    found = json.loads(answer.body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} does not answer with an object")
    return found


def _unusable_provider(error: Exception) -> NotebookAgentsError:
    _log.error("the OpenID provider cannot be used: %r", error)
    return NotebookAgentsError("OAuth processing error: the provider cannot be used now")


def _error_word(error: HTTPClientError) -> str:
    try:
        return str(json.loads(error.response.body)["error"]) if error.response else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _kid_of(text: str) -> object:
    return jws.extract_compact(text.encode("ascii")).headers().get("kid")


def _https(url: str) -> str:
    """An address to show a picture from; empty unless it is a plain web address."""
    return url if urlsplit(url).scheme == "https" else ""
