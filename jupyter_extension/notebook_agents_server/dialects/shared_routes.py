"""The paths that two documents claim at the server's root, and what serves both.

Below their own mounts both dialects answer as their documents say. Here a login is told by its
body: a form or a ``username`` is AIMOS's, an ``email`` Netra's; answers and errors carry what both
name, and a token's own login says whose id a user has.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.accounts import AccountHandler, EntranceHandler
from notebook_agents_server.base import VERSION, BaseHandler, Dialect, Route
from notebook_agents_server.dialects import shared_mapping, shared_wire
from notebook_agents_server.dialects.agent_api import session_routes, session_wire
from notebook_agents_server.dialects.agent_c.clearing_routes import Clearing
from notebook_agents_server.dialects.agent_c.dialect import AGENT_C
from notebook_agents_server.dialects.aimos import auth_wire as aimos_wire
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.dialects.netra import auth_wire as netra_wire
from notebook_agents_server.dialects.netra.dialect import NETRA
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.errors import NotebookAgentsError
    from notebook_agents_server.base import Services

SERVICE = "notebook-agents"


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:
    """An error as both documents write it."""
    return {
        **AIMOS.error_body(error, request_id, at),
        **NETRA.error_body(error, request_id, at),
    }


LIKE_AIMOS = replace(AIMOS, error_body=error_body, headers=NETRA.headers)
LIKE_NETRA = replace(NETRA, error_body=error_body)


class Login(EntranceHandler):
    """``POST /api/auth/login``."""

    endpoint = "/api/auth/login"
    dialect: ClassVar[Dialect] = LIKE_AIMOS

    @operation(
        form=aimos_wire.LoginRequest,
        body=netra_wire.LoginRequest,
        answer=shared_wire.LoginAnswer,
        errors=(400, 401, 403, 422),
    )
    async def post(self) -> None:
        """Exchange a password for a token: username as a form or JSON, or e-mail as JSON."""
        if self.is_form or not self._has_email():
            body = self.parse_form_or_json(aimos_wire.LoginRequest)
            name, password = body.username, body.password
        else:
            self.speak(LIKE_NETRA)
            said = self.parse(netra_wire.LoginRequest)
            name, password = said.email, said.password
        user, tokens = await self.log_in(name, password)
        self.reply(shared_mapping.login_to_wire(user, tokens, self.dialect.name))

    def _has_email(self) -> bool:
        try:
            return "email" in json.loads(self.request.body)
        except (ValueError, TypeError, RecursionError):
            return False


class Refresh(EntranceHandler):
    """``POST /api/auth/refresh``."""

    endpoint = "/api/auth/refresh"
    dialect: ClassVar[Dialect] = LIKE_AIMOS

    @operation(body=shared_wire.RefreshRequest, answer=shared_wire.LoginAnswer, errors=(400, 401))
    async def post(self) -> None:
        """Exchange a refresh token for new tokens; it is good once."""
        body = self.parse(shared_wire.RefreshRequest)
        user, tokens = await self.renew(body.refresh_token)
        dialect = await self.gatekeeper.login_dialect(tokens.access)
        self.reply(shared_mapping.login_to_wire(user, tokens, dialect))


class Logout(AccountHandler):
    """``POST /api/auth/logout``."""

    endpoint = "/api/auth/logout"
    dialect: ClassVar[Dialect] = LIKE_NETRA

    @operation(answer=shared_wire.MessageAnswer, errors=(400,))
    async def post(self) -> None:
        """End the login of the token that asks."""
        await self.log_out()
        self.reply(shared_wire.MessageAnswer(message="Successfully logged out"))


class Me(AccountHandler):
    """``GET /api/auth/me``."""

    endpoint = "/api/auth/me"
    dialect: ClassVar[Dialect] = LIKE_AIMOS

    @operation(answer=shared_wire.UserAnswer)
    async def get(self) -> None:
        """Get the account of whoever asks; its id is as their login's document writes it."""
        user, dialect = await self.account(), await self.login_dialect()
        self.reply(shared_mapping.user_to_wire(user, dialect))


class Health(BaseHandler):
    """``GET /health``."""

    dialect: ClassVar[Dialect] = LIKE_NETRA
    is_public = True
    is_activity = False

    @operation(answer=shared_wire.HealthAnswer, others={503: shared_wire.HealthAnswer})
    async def get(self) -> None:
        """Whether requests are served; 503 when they are not."""
        core = self.services.core
        works = core is not None and await self.works(
            core.users.find(OWNER_USERNAME), "the database"
        )
        answer = shared_wire.HealthAnswer(
            status="healthy" if works else "unhealthy",
            timestamp=datetime.now(UTC),
            version=VERSION,
            service=SERVICE,
            environment=self.services.environment,
        )
        self.reply(answer, status=200 if works else 503)


class SessionsAnswer(session_wire.SessionsAnswer):
    """GET /api/v1/sessions at the root."""

    session_ids: list[str]
    """What older servers of Agent C answer with."""


class Sessions(session_routes.Sessions, Clearing):
    """``/api/v1/sessions``: one API makes and lists sessions there, the other deletes its own."""

    dialect: ClassVar[Dialect] = session_routes.Sessions.dialect

    def initialize(self, services: Services) -> None:
        """Know by the verb whose request it is, before anything is refused."""
        if self.request.method == "DELETE":
            self.speak(AGENT_C)
        super().initialize(services)

    @operation(query=session_wire.SessionsQuery, answer=SessionsAnswer)
    async def get(self) -> None:
        """The caller's sessions, newest first, and their ids alone."""
        await super().get()

    def listing(self, answer: session_wire.SessionsAnswer) -> SessionsAnswer:
        """The answer with the ids."""
        ids = [str(session.id) for session in answer.items]
        return SessionsAnswer(**dict(answer), session_ids=ids)


CLAIMS: tuple[tuple[frozenset[str], list[Route]], ...] = (
    (
        frozenset({"aimos", "netra"}),
        [
            (r"/api/auth/login", Login),
            (r"/api/auth/refresh", Refresh),
            (r"/api/auth/logout", Logout),
            (r"/api/auth/me", Me),
        ],
    ),
    (frozenset({"netra", "agent_api"}), [(r"/health", Health)]),
    (frozenset({"agent_c", "agent_api"}), [(r"/api/v1/sessions", Sessions)]),
)
"""Dialects and the paths that they share; where not all are at the root each answers itself."""


def routes(root_dialects: Collection[str]) -> list[Route]:
    """The shared paths of the dialects at the root."""
    names = frozenset(root_dialects)
    return [route for claimed_by, claimed in CLAIMS if claimed_by <= names for route in claimed]
