"""What every handler of ours shares, sockets too: who asks, from where, and how refusals look.

Request id, Host check, CORS, credentials and the one translation of errors. A door never reads or
sets cookies.
"""

from __future__ import annotations

import json
import logging
import math
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from notebook_agents.core.activity import RequestKind
from notebook_agents.core.errors import (
    EngineUnavailable,
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
    NotPermitted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents_server.access_log import clipped, write_line
from notebook_agents_server.downloads import attachment
from notebook_agents_server.failures import PLAIN, Dialect, Failure, translate, without_secrets
from notebook_agents_server.hosts import require_known_host
from notebook_agents_server.identity import KERNEL_CREDENTIAL, OUR_PREFIXES, acting_through
from notebook_agents_server.limits import AUTHENTICATION, GENERAL, Caller, Standing
from notebook_agents_server.traffic import Counted

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.observation_events import StreamClosed
    from notebook_agents.core.users import Actor
    from notebook_agents_server.identity import Gatekeeper
    from notebook_agents_server.services import Services

CREDENTIAL_HINT = "give a credential: Authorization: Bearer <token>"
ACTIVITY_SETTING = "notebook_agents_last_activity"
"""Jupyter takes any setting with such a name as a sign of life and delays its idle shutdown."""
LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Verbs that change nothing."""
COUNTED = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Verbs of requests that are counted; any other is a stranger's text."""
OTHER = "other"
"""The route of what has no path of its own, such as all that nothing is at."""
HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Origin",
    # What is no page of ours must not act as one, wherever it is opened.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries unless it says otherwise."""
EXPOSED_HEADERS = (
    "X-Request-ID",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Total-Count",
)
"""What a page of another origin may read."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CREDENTIAL = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)
_ID_PREFIX = re.compile(r"^[a-z]+[_-]")
_log = logging.getLogger(__name__)


class Door(Counted):
    """What every handler of ours shares."""

    dialect: ClassVar[Dialect] = PLAIN
    is_public: ClassVar[bool] = False
    """Whether it answers without credentials."""
    accepts_kernels: ClassVar[bool] = False
    """Whether a kernel's own token opens it."""
    scope: ClassVar[str] = ""
    """What a credential must be good for; empty is ``read`` to look and ``write`` to change.
    A route that starts runs or tools says ``run``, one for administrators ``admin``."""
    is_activity: ClassVar[bool] = True
    """Whether a request counts as use of the server."""
    endpoint: ClassVar[str] = ""
    """The path as its document writes it, where requests are counted by a name that its pattern
    does not give."""
    limit_group: ClassVar[str] = GENERAL
    """The group of its dialect's rate limits; what is public counts in no general group."""
    limit_groups: ClassVar[Mapping[str, str]] = {}
    """Groups of single verbs, in lower case, where they differ."""

    services: Services
    _actor: Actor | None = None
    _credential: str = ""
    _visitor: Actor | None = None
    """Whose credential it is, also when it does not open this door."""
    _standing: Standing | None = None
    _request_id: str | None = None

    def initialize(self, services: Services) -> None:
        """Take what the route table gives."""
        self.services = services
        # No identity provider may take a cookie for a credential.
        self.request.headers.pop("Cookie", None)
        self.set_default_headers()  # now the allow-list of origins is known

    # -- who and where ------------------------------------------------------------------------

    @property
    def request_id(self) -> str:
        """The name of this request, the client's own when it is a sane one."""
        if self._request_id is None:
            given = self.request.headers.get("X-Request-ID", "")
            is_sane = _REQUEST_ID.fullmatch(given) is not None
            self._request_id = given if is_sane else f"req_{uuid.UUID(new_id()).hex}"
        return self._request_id

    @property
    def actor(self) -> Actor:
        """Who asks."""
        assert self._actor is not None, "a route that uses the actor is not public"
        return self._actor

    @property
    def core(self) -> Core:
        """The core."""
        return self.services.ready()[0]

    @property
    def gatekeeper(self) -> Gatekeeper:
        """Whoever checks credentials."""
        return self.services.ready()[1]

    @property
    def origin(self) -> str:
        """Where the client sees this server: scheme, host and port."""
        return f"{self.request.protocol}://{self.request.host}"

    @property
    def log(self) -> logging.Logger:
        """Where identity providers of Jupyter expect a handler's log."""
        return _log

    @property
    def base_url(self) -> str:
        """Where identity providers of Jupyter expect the server's base URL."""
        return str(self.settings.get("base_url", "/"))

    @property
    def offered(self) -> tuple[str, ...]:
        """The verbs of this path."""
        return ("GET",)

    def require_admin(self) -> None:
        """Refuse everybody but administrators."""
        self.actor.require_admin()

    async def require_memory(self, wanted_mb: int | None) -> None:
        """Refuse a wish for more memory than the machine has."""
        total_mb = (await self.services.machine.read()).memory_total_bytes >> 20
        if wanted_mb is not None and wanted_mb > total_mb:
            raise EngineUnavailable(
                f"the machine has {total_mb} MiB of memory, {wanted_mb} MiB were asked for",
                reason="memory",
            )

    async def works(self, job: Awaitable[Any], what: str) -> bool:
        """Whether a part of the product answers; why it does not goes to the log."""
        try:
            await job
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer
            _log.exception("%s does not work", what)
            return False
        return True

    def id_of(self, kind: str, text: str) -> str:
        """The stored id behind any written form of it; NotFound for what cannot be one."""
        for form in (text, _ID_PREFIX.sub("", text)):
            try:
                return str(uuid.UUID(form))
            except ValueError:
                continue
        raise NotFound(kind, text)

    # -- the entrance --------------------------------------------------------------------------

    def check_xsrf_cookie(self) -> None:
        """Nothing to forge: a request without an explicit credential is refused anyway."""

    async def admit(self) -> None:
        """Let the client in, and count its request also when it is refused."""
        try:
            await self.show_credential()
        except (NotAuthenticated, NotPermitted):
            await self.count()
            raise
        await self.count()

    async def show_credential(self) -> None:
        """Find out who asks, where that matters."""
        raise NotImplementedError

    async def enter(self, credential: str) -> None:
        """Find out who asks and whether they may come through this door."""
        self._visitor = actor = await self.gatekeeper.identify(credential, self)
        if actor.credential == KERNEL_CREDENTIAL and not self.accepts_kernels:
            raise NotPermitted("a kernel's token is good for inference and tool servers only")
        actor.require_scope(self.scope or ("read" if self.request.method in LOOKING else "write"))
        self._actor, self._credential = acting_through(actor, self.dialect.name), credential
        if self.is_activity:
            self.settings[ACTIVITY_SETTING] = datetime.now(UTC)

    @property
    def credential(self) -> str:
        """What opened it; empty where nothing had to."""
        return self._credential

    async def whose_now(self) -> Actor:
        """Whom the credential belongs to now; NotAuthenticated when to nobody any more."""
        actor = await self.gatekeeper.identify(self._credential, self)
        return acting_through(actor, self.dialect.name)

    def evict(self, error: NotebookAgentsError) -> None:
        """End what goes on behind this door: its credential is worth nothing any more."""
        raise NotImplementedError

    def offer_download(self, name: str, content_type: str) -> None:
        """Answer with a file to keep, which no browser shows as a page of ours."""
        self.set_header("Content-Type", content_type)
        self.set_header("Content-Disposition", attachment(name))

    async def count(self, group: str | None = None) -> None:
        """Count this request, or something else of a group; LimitExceeded when it is too much.

        Whoever has a valid credential is counted as that user, everybody else by address.
        """
        if group is None:
            group = self._group()
            if self.is_public and group == GENERAL:
                return
        if self._visitor is None or self._visitor.credential != KERNEL_CREDENTIAL:
            await self._count(group, self.caller)

    def _group(self) -> str:
        verb = str(self.request.method)
        if verb not in self.offered:
            return GENERAL
        asked = "get" if verb == "HEAD" else verb.lower()
        return self.limit_groups.get(asked, self.limit_group)

    async def count_account(self, name: str) -> None:
        """Count an attempt to enter an account, whatever address it comes from.

        Of an account with several names always the same one must be given.
        """
        await self._count(AUTHENTICATION, Caller.account(name))

    async def _count(self, group: str, caller: Caller) -> None:
        standing = await self.services.limiter.count(self.dialect.name, group, caller)
        if standing is None:
            return
        if self._standing is None or standing.remaining <= self._standing.remaining:
            self._standing = standing
            self._tell_standing()
        if standing.is_exceeded:
            raise standing.error()

    @property
    def caller(self) -> Caller:
        """Who is counted for this request."""
        if self._visitor is None:
            return Caller.address(str(self.request.remote_ip))
        return Caller.user(self._visitor.user_id, is_admin=self._visitor.is_admin)

    def given_credential(self) -> str:
        """The credential in the header, else Jupyter's ``?token=``; empty when there is none."""
        header = self.request.headers.get("Authorization", "")
        if header:
            match = _CREDENTIAL.fullmatch(header)
            return match.group(1) if match else header
        token = self.get_query_argument("token", "")
        if token.startswith(OUR_PREFIXES):
            raise NotAuthenticated("send this credential in the Authorization header")
        return token

    def check_host(self) -> None:
        """Refuse foreign Host names (DNS rebinding)."""
        require_known_host(self.request.host, self.services.allow_hosts, self.settings)

    def on_finish(self) -> None:
        """Count the request."""
        super().on_finish()
        if self.request.method in COUNTED:
            kind = RequestKind(
                dialect=self.dialect.name,
                method=str(self.request.method),
                route=self.route,
                status=self.get_status(),
            )
            who = self._visitor.user_id if self._visitor is not None else ""
            took_ms, bodies = 1000 * self.request.request_time(), (self.n_read, self.n_sent)
            self.services.requests.note(who, kind, took_ms, bodies)

    @property
    def is_resuming(self) -> bool:
        """Whether the client has been here before and says how far it has read."""
        last_id = self.request.headers.get("Last-Event-ID", "")
        return bool(last_id or self.get_query_argument("after", ""))

    def tell_of_stream(self, body: StreamClosed, core: Core | None = None) -> None:
        """Tell the event log that a stream of whoever came in has ended."""
        if (core := core or self.services.core) is not None:
            who = self._visitor.user_id if self._visitor is not None else ""
            core.observations.keep(body, Source(user_id=who, dialect=self.dialect.name))

    @property
    def route(self) -> str:
        """The pattern of its path, for counting."""
        return self.endpoint or self.services.routes.get(type(self), OTHER)

    # -- headers and errors --------------------------------------------------------------------

    def set_default_headers(self) -> None:
        """Name the request, say what browsers must not do, answer origins on the allow-list."""
        self.set_header("X-Request-ID", self.request_id)
        for name, value in (*HEADERS.items(), *self.dialect.headers.items()):
            self.set_header(name, value)
        self._tell_standing()
        origin = self.request.headers.get("Origin", "")
        services: Services | None = getattr(self, "services", None)
        if origin and services is not None and services.allows_origin(origin):
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", ", ".join(self._exposed()))

    def _exposed(self) -> tuple[str, ...]:
        dialect = self.dialect
        own = (dialect.retry_after_header,) if dialect.retry_after_header else ()
        return (*EXPOSED_HEADERS, *own, *dialect.headers)

    def _tell_standing(self) -> None:
        if self._standing is not None and not self._headers_written:
            for name, value in self._standing.headers().items():
                self.set_header(name, value)

    def failure(self, error: BaseException) -> tuple[Failure, bool]:
        """The error as it leaves, and whether it is one of ours."""
        shown, status, is_ours = translate(error, self.dialect)
        if (core := self.services.core) is not None:
            shown = without_secrets(shown, core.redactor)
        failure = Failure(
            error=shown, status=status, request_id=self.request_id, at=datetime.now(UTC)
        )
        return failure, is_ours

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the dialect's error body."""
        error = kwargs.get("exc_info", (None, HTTPError(status_code), None))[1]
        failure, _ = self.failure(error)
        self.set_status(failure.status)
        retry_after_s = failure.error.details.get("retry_after_s")
        if retry_after_s is not None:
            seconds = str(max(1, math.ceil(float(retry_after_s))))
            self.set_header("Retry-After", seconds)
            if self.dialect.retry_after_header:
                self.set_header(self.dialect.retry_after_header, seconds)
        if failure.status == 405:
            self.set_header("Allow", ", ".join(self.offered))
        if failure.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(self.dialect.body_of(failure)))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what is not ours, once, with the request's name."""
        if value is None or isinstance(value, StreamClosedError):
            return
        if self.failure(value)[1]:
            path = clipped(self.request.path)
            _log.debug("%s %s refused: %s", self.request.method, path, value)
            return
        _log.error("request %s failed", self.request_id, exc_info=(typ, value, tb))

    def _log(self) -> None:
        write_line(self)


def without_jupyter_login(method: Callable[..., Any]) -> Callable[..., Any]:
    """Tell Jupyter that this verb has authentication of its own."""
    setattr(method, "__allow_unauthenticated", True)
    return method
