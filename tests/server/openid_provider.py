"""An OpenID provider on this machine: a real process, with as many faults as a test wants.

``python openid_provider.py`` prints its issuer and serves until its standard input ends. People are
not asked anything: whoever opens the authorization address is the user that ``POST /user`` named.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

CLIENT_ID, CLIENT_SECRET = "our-client", "our-secret"
ANN = {
    "sub": "1001",
    "email": "ann@example.org",
    "email_verified": True,
    "name": "Ann Example",
    "picture": "https://example.org/ann.png",
}


class State:
    """What the provider knows."""

    issuer = ""
    user: dict[str, Any] = ANN
    fault = ""
    """What to do wrong in the next id token."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.stranger = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}


class Handler(RequestHandler):
    def initialize(self, state: State) -> None:
        self.state = state

    def say(self, body: Any, status: int = 200) -> None:
        self.set_status(status)
        self.finish(json.dumps(body))


class Discovery(Handler):
    def get(self) -> None:
        issuer = self.state.issuer
        self.say(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )


class Keys(Handler):
    def get(self) -> None:
        self.say({"keys": [self.state.key.as_dict(private=False)]})


class Control(Handler):
    def post(self) -> None:
        told = json.loads(self.request.body)
        self.state.user, self.state.fault = told.get("user", ANN), told.get("fault", "")
        self.say({})


class Rotate(Handler):
    def post(self) -> None:
        name = secrets.token_hex(4)
        self.state.key = RSAKey.generate_key(2048, {"kid": name, "use": "sig"})
        self.say({})


class Authorize(Handler):
    def get(self) -> None:
        given = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "code_challenge_method": "S256"}
        if any(given.get(name) != value for name, value in wanted.items()):
            self.say({"error": "invalid_request"}, 400)
            return
        code = secrets.token_urlsafe(16)
        self.state.codes[code] = given
        query = urlencode({"code": code, "state": given["state"], "scope": given["scope"]})
        self.redirect(f"{given['redirect_uri']}?{query}")


class Token(Handler):
    def post(self) -> None:
        asked = self.state.codes.pop(self.get_body_argument("code"), None)
        verifier = self.get_body_argument("code_verifier", "")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        client = (self.get_body_argument("client_id"), self.get_body_argument("client_secret"))
        if client != (CLIENT_ID, CLIENT_SECRET):
            self.say({"error": "invalid_client"}, 401)
        elif (
            asked is None
            or challenge != asked["code_challenge"]
            or self.get_body_argument("redirect_uri") != asked["redirect_uri"]
        ):
            self.say({"error": "invalid_grant"}, 400)
        elif self.state.fault == "down":
            self.say({"error": "server_error"}, 503)
        elif self.state.fault == "babble":
            self.finish("<html>")
        else:
            self.say(
                {
                    "access_token": secrets.token_urlsafe(16),
                    "token_type": "Bearer",
                    "id_token": self._id_token(asked["nonce"]),
                }
            )

    def _id_token(self, nonce: str) -> str:
        now, fault = int(time.time()), self.state.fault
        claims = {
            "iss": self.state.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 600,
            "nonce": nonce,
            **self.state.user,
        }
        wrong: dict[str, dict[str, Any]] = {
            "iss": {"iss": "https://elsewhere.example.org"},
            "aud": {"aud": "somebody-else"},
            "azp": {"aud": [CLIENT_ID, "other"], "azp": "other"},
            "exp": {"iat": now - 7200, "exp": now - 3600},
            "nonce": {"nonce": "another"},
        }
        claims |= wrong.get(fault, {})
        key: Any = self.state.stranger if fault == "signature" else self.state.key
        if fault == "none":
            parts = ({"alg": "none", "kid": "one"}, claims)
            texts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
            return ".".join(text.decode().rstrip("=") for text in texts) + "."
        if fault == "hmac":  # signed with what everybody knows, the public key or the client's id
            shared = OctKey.import_key(self.state.key.as_pem(private=False))
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, shared)
        kid = self.state.key.as_dict()["kid"]
        return jwt.encode({"alg": "RS256", "kid": kid}, claims, key)


async def serve() -> None:
    state = State()
    options = {"state": state}
    app = Application(
        [
            ("/.well-known/openid-configuration", Discovery, options),
            ("/keys", Keys, options),
            ("/authorize", Authorize, options),
            ("/token", Token, options),
            ("/control", Control, options),
            ("/rotate", Rotate, options),
        ]
    )
    sockets = bind_sockets(0, "127.0.0.1")
    state.issuer = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    server = HTTPServer(app)
    server.add_sockets(sockets)
    print(state.issuer, flush=True)  # noqa: T201
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
