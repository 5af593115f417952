"""The one way a request enters and leaves over HTTP.

`Door` is what every handler shares, sockets too: request id, Host check, CORS, credentials, errors.
`BaseHandler` adds bodies: read up to a limit, parsed into a wire model, answered as JSON.
A handler of a dialect says three things, parse, call the core, reply; everything that could go
wrong is raised and leaves through `write_error` with the dialect's own body.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import logging
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from notebook_agents.core.errors import (
    EngineUnavailable,
    LimitExceeded,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from notebook_agents.core.ids import new_id
from notebook_agents_server.failures import PLAIN, Dialect, Failure, error_of_code, translate
from notebook_agents_server.identity import KERNEL_CREDENTIAL, OUR_PREFIXES, acting_through
from notebook_agents_server.machine import Machine, MachineReading

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.runs import Run
    from notebook_agents.core.users import Actor
    from notebook_agents_server.identity import Gatekeeper

__all__ = [
    "VERSION",
    "BaseHandler",
    "Dialect",
    "Door",
    "MachineReading",
    "Route",
    "Services",
    "UnknownPath",
    "raise_if_failed",
]

VERSION = version("notebook-agents")
M = TypeVar("M", bound=BaseModel)
Route = tuple[str, type[RequestHandler]]
"""A path as its document writes it, with groups in place of names, and its handler."""
VERBS = ("get", "head", "post", "put", "patch", "delete", "options")
ACTIVITY_SETTING = "notebook_agents_last_activity"
"""Jupyter takes any setting with such a name as a sign of life and delays its idle shutdown."""
READ_AND_REFUSE_FACTOR = 8
"""A body beyond the limit is still read, and thrown away, up to this many limits, so that the
refusal reaches the client; beyond that the connection is closed."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CREDENTIAL = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)
_ID_PREFIX = re.compile(r"^[a-z]+[_-]")
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Services:
    """What handlers work with; the core and the gatekeeper are there once the server is up."""

    allow_origins: tuple[str, ...] = ()
    max_body_bytes: int = 10 * 1024 * 1024
    allow_password_login: bool = True
    machine: Machine = field(default_factory=Machine)
    core: Core | None = None
    gatekeeper: Gatekeeper | None = None
    obstacle: str = "the server is starting"
    """Why there is no core yet."""

    def ready(self) -> tuple[Core, Gatekeeper]:
        """The core and the gatekeeper; 503 before the server is up."""
        if self.core is None or self.gatekeeper is None:
            raise EngineUnavailable(self.obstacle)
        return self.core, self.gatekeeper


class Door(RequestHandler):
    """What every handler of ours shares."""

    dialect: ClassVar[Dialect] = PLAIN
    is_public: ClassVar[bool] = False
    """Whether it answers without credentials."""
    accepts_kernels: ClassVar[bool] = False
    """Whether a kernel's own token opens it."""
    is_activity: ClassVar[bool] = True
    """Whether a request counts as use of the server."""

    services: Services
    _actor: Actor | None = None
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
    def log(self) -> logging.Logger:
        """Where identity providers of Jupyter expect a handler's log."""
        return _log

    @property
    def base_url(self) -> str:
        """Where identity providers of Jupyter expect the server's base URL."""
        return str(self.settings.get("base_url", "/"))

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

    async def enter(self, credential: str) -> None:
        """Find out who asks and whether they may come through this door."""
        actor = await self.gatekeeper.identify(credential, self)
        if actor.credential == KERNEL_CREDENTIAL and not self.accepts_kernels:
            raise NotPermitted("a kernel's token is good for the inference endpoints only")
        self._actor = acting_through(actor, self.dialect.name)
        if self.is_activity:
            self.settings[ACTIVITY_SETTING] = datetime.now(UTC)

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
        """Refuse foreign Host names while only local access is allowed (DNS rebinding)."""
        if self.settings.get("allow_remote_access", False):
            return
        host = re.sub(r":\d+$", "", self.request.host).strip("[]")
        try:
            is_local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_local = host in self.settings.get("local_hostnames", ["localhost"])
        if not is_local:
            raise NotPermitted(
                f"the host {host!r} is not local; set ServerApp.allow_remote_access to allow it"
            )

    # -- headers and errors --------------------------------------------------------------------

    def set_default_headers(self) -> None:
        """Name the request, forbid sniffing, and answer origins on the allow-list."""
        self.set_header("X-Request-ID", self.request_id)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Origin")
        origin = self.request.headers.get("Origin", "")
        services: Services | None = getattr(self, "services", None)
        if services is not None and origin in services.allow_origins:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Expose-Headers", "X-Request-ID, Retry-After")

    def failure(self, error: BaseException) -> tuple[Failure, bool]:
        """The error as it leaves, and whether it is one of ours."""
        shown, status, is_ours = translate(error, self.dialect)
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
            self.set_header("Retry-After", str(max(1, round(float(retry_after_s)))))
        if failure.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(self.dialect.body_of(failure)))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what is not ours, once, with the request's name."""
        if value is None or isinstance(value, StreamClosedError):
            return
        if self.failure(value)[1]:
            _log.debug("%s %s refused: %s", self.request.method, self.request.path, value)
            return
        _log.error("request %s failed", self.request_id, exc_info=(typ, value, tb))


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """The verb behind its door; Jupyter's own authentication has nothing to add."""

    @functools.wraps(method)
    async def entered(self: BaseHandler, *args: Any, **kwargs: Any) -> None:
        self.open_verb()
        result = method(self, *args, **kwargs)
        if result is not None:
            await result

    return without_jupyter_login(entered)


def without_jupyter_login(method: Callable[..., Any]) -> Callable[..., Any]:
    """Tell Jupyter that this verb has authentication of its own."""
    setattr(method, "__allow_unauthenticated", True)
    return method


@stream_request_body
class BaseHandler(Door):
    """A Door for requests with a body and an answer."""

    _refusal: Exception | None = None
    _n_read: int = 0
    _stream_task: asyncio.Task[None] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Guard every verb the class defines, so that none can be open by oversight."""
        super().__init_subclass__(**kwargs)
        for verb in VERBS:
            if verb in vars(cls):
                setattr(cls, verb, guarded(vars(cls)[verb]))

    async def prepare(self) -> None:
        """Check everything that can be checked before the body; a refusal waits for its end."""
        self._chunks: list[bytes] = []
        connection = self.request.connection
        limit = self.services.max_body_bytes
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(limit * READ_AND_REFUSE_FACTOR)
        try:
            self.check_host()
            await self._admit()
        except Exception as refusal:  # noqa: BLE001 - raised again by the guard of the verb
            self._refusal = refusal

    async def _admit(self) -> None:
        if self.request.method == "OPTIONS" or self.is_public:
            return
        credential = self.given_credential()
        if not credential:
            raise NotAuthenticated("give a credential: Authorization: Bearer <token>")
        await self.enter(credential)

    def data_received(self, chunk: bytes) -> None:
        """Collect the body; what is refused or too large is not kept."""
        self._n_read += len(chunk)
        limit = self.services.max_body_bytes
        if self._n_read > limit and self._refusal is None:
            self._refusal = HTTPError(413, log_message=f"the body is larger than {limit} bytes")
        if self._refusal is None:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    def open_verb(self) -> None:
        """Complete the body, or raise the refusal."""
        if self._refusal is not None:
            raise self._refusal
        self.request.body = b"".join(self._chunks)
        self._chunks.clear()

    # -- in ------------------------------------------------------------------------------------

    def parse(self, model: type[M]) -> M:
        """The body as a wire model; InvalidRequest names the wrong field."""
        return model.model_validate_json(self.request.body or b"{}")

    def parse_query(self, model: type[M]) -> M:
        """The query as a wire model, the last of repeated values; ``token`` is a credential."""
        names = [name for name in self.request.query_arguments if name != "token"]
        return model.model_validate({name: self.get_query_argument(name) for name in names})

    # -- out -----------------------------------------------------------------------------------

    def reply(self, answer: BaseModel, *, status: int = 200) -> None:
        """Answer with a wire model."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(answer.model_dump_json(by_alias=True))

    def reply_json(self, answer: Mapping[str, Any] | list[Any], *, status: int = 200) -> None:
        """Answer with plain JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(answer))

    async def stream(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        content_type: str,
        last_words: Callable[[dict[str, Any]], bytes],
    ) -> None:
        """Send chunks as they come; a client that goes away closes the generator at once.

        An error before the first chunk is an answer like any other; after it, ``last_words``
        writes its body into the stream.
        """
        self.set_header("Content-Type", content_type)
        pump = self.core.spawn(self._pump(chunks), name=f"stream of {self.request_id}")
        self._stream_task = pump
        try:
            await asyncio.wait((pump,))
        finally:
            pump.cancel()
        error = None if pump.cancelled() else pump.exception()
        if error is None or isinstance(error, StreamClosedError):
            return
        if not self._headers_written:
            raise error
        self.log_exception(type(error), error, error.__traceback__)
        self.finish(last_words(self.dialect.body_of(self.failure(error)[0])))

    async def _pump(self, chunks: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(chunks):
            async for chunk in chunks:
                self.write(chunk)
                await self.flush()

    def on_connection_close(self) -> None:
        """End the stream of a client that went away."""
        super().on_connection_close()
        if self._stream_task is not None:
            self._stream_task.cancel()

    # -- verbs that a subclass does not define -------------------------------------------------

    @guarded
    async def _missing(self, *_args: str, **_kwargs: str) -> None:
        raise HTTPError(405, log_message=f"{self.request.method} is not offered here")

    get = head = post = put = patch = delete = _missing

    @guarded
    async def options(self, *_args: str, **_kwargs: str) -> None:
        """Answer a browser's question before a cross-origin request."""
        if "Access-Control-Allow-Origin" in self._headers:
            self.set_header("Access-Control-Allow-Methods", ", ".join(self._offered()))
            self.set_header(
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type, Last-Event-ID, X-Request-ID",
            )
            self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)
        self.finish()

    def _offered(self) -> list[str]:
        missing = BaseHandler._missing
        offered = [verb for verb in VERBS if getattr(type(self), verb) is not missing]
        return [verb.upper() for verb in offered]


class UnknownPath(BaseHandler):
    """JSON 404 for whatever is not there below our own prefixes."""

    async def get(self, *_args: str) -> None:
        """Refuse."""
        raise HTTPError(404, log_message=self.request.path)

    head = post = put = patch = delete = get


def raise_if_failed(run: Run) -> None:
    """Raise the error that a run ended with.

    A run that was stopped or used up its own limits is an answer, if a short one.
    """
    if run.state == "failed" and run.error_code != LimitExceeded.code:
        raise error_of_code(run.error_code, run.error_message)
