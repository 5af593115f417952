"""The one way a request with a body enters and leaves over HTTP.

`BaseHandler` is a `Door` whose body is read up to a limit, parsed into a wire model and answered as
JSON. A handler of a dialect says three things: parse, call the core, reply. Everything that could
go wrong is raised and leaves through the door with the dialect's own error body. Dialects find all
they need of the server here and in `sockets`.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_origin

from pydantic import BaseModel, TypeAdapter
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPInputError, parse_body_arguments
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler, stream_request_body

from notebook_agents.core.errors import InvalidRequest, LimitExceeded, NotebookAgentsError, NotFound
from notebook_agents_server.door import CREDENTIAL_HINT, Door, without_jupyter_login
from notebook_agents_server.failures import NUL_REFUSED, Dialect, error_of_code, reading
from notebook_agents_server.machine import MachineReading
from notebook_agents_server.openness import require_open
from notebook_agents_server.services import Services
from notebook_agents_server.stream_figures import TRANSPORTS, Reason, StreamFigures

if TYPE_CHECKING:
    from notebook_agents.core.runs import Run

__all__ = [
    "VERSION",
    "BaseHandler",
    "Dialect",
    "MachineReading",
    "Route",
    "Services",
    "UnknownPath",
    "raise_if_failed",
]

VERSION = version("notebook-agents")
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Route = tuple[str, type[RequestHandler]]
"""A path as its document writes it, with groups in place of names, and its handler."""
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
VERBS = ("get", "head", "post", "put", "patch", "delete", "options")
_JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json")
PUBLIC_BODY_BYTES = 64 << 10
"""The largest body of whoever need not say who they are: names, passwords and tokens are short."""
READ_AND_REFUSE_FACTOR = 8
"""A body beyond the limit is still read, and thrown away, up to this many limits, so that the
refusal reaches the client; beyond that the connection is closed."""


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """The verb behind its door; Jupyter's own authentication has nothing to add."""

    @functools.wraps(method)
    async def entered(self: BaseHandler, *args: Any, **kwargs: Any) -> None:
        self.open_verb()
        result = method(self, *args, **kwargs)
        if result is not None:
            await result

    return without_jupyter_login(entered)


@stream_request_body
class BaseHandler(Door):
    """A Door for requests with a body and an answer."""

    request_headers: ClassVar[str] = "Authorization, Content-Type, Last-Event-ID, X-Request-ID"
    """What a page of another origin may send."""

    _refusal: Exception | None = None
    _stream_task: asyncio.Task[Exception | None] | None = None
    _eviction: Exception | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Guard every verb the class defines, so that none can be open by oversight.

        HEAD is GET without a body: the server sends none.
        """
        super().__init_subclass__(**kwargs)
        if "get" in vars(cls) and "head" not in vars(cls):
            cls.head = vars(cls)["get"]
        for verb in VERBS:
            if verb in vars(cls):
                setattr(cls, verb, guarded(vars(cls)[verb]))

    async def prepare(self) -> None:
        """Check everything that can be checked before the body; a refusal waits for its end."""
        self._chunks: list[bytes] = []
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            most = self.services.max_body_bytes
            connection.set_max_body_size(most * READ_AND_REFUSE_FACTOR)
        try:
            self.check_host()
            if self.request.method != "OPTIONS":
                await self.admit()
        except Exception as refusal:  # noqa: BLE001 - raised again by the guard of the verb
            self._refusal = refusal

    async def show_credential(self) -> None:
        """Find out who asks, where that matters."""
        if self.is_public:
            return
        credential = self.given_credential()
        if not credential:
            require_open(self, CREDENTIAL_HINT)
        await self.enter(credential)

    @property
    def metrics_are_open(self) -> bool:
        """Whether the deployment shows its metrics to anybody."""
        asks = self.settings.get("authenticate_prometheus", True)
        return not asks or self.services.shows_metrics

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Collect the body; what is refused or too large is not kept."""
        self.n_read += len(chunk)
        limit = self.services.max_body_bytes
        if self.is_public:
            limit = min(limit, PUBLIC_BODY_BYTES)
        if self.n_read > limit and self._refusal is None:
            self._refusal = HTTPError(413, log_message=f"the body is larger than {limit} bytes")
        if self._refusal is None:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()
        return None

    def open_verb(self) -> None:
        """Complete the body, or raise the refusal."""
        if self._refusal is not None:
            raise self._refusal
        self.request.body = b"".join(self._chunks)
        self._chunks.clear()

    # -- in ------------------------------------------------------------------------------------

    def parse(self, model: type[M]) -> M:
        """The body as a wire model; InvalidRequest names the wrong field."""
        body = self._json()
        with reading(body):
            return model.model_validate_json(body)

    def parse_value(self, adapter: TypeAdapter[T]) -> T:
        """The body as a value of any type."""
        body = self._json()
        with reading(body):
            return adapter.validate_json(body)

    @property
    def is_form(self) -> bool:
        """Whether the body is sent as a form."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in FORM_TYPES

    def parse_form_or_json(self, model: type[M]) -> M:
        """The body, sent in either way, as a wire model whose fields are text."""
        if not self.is_form:
            return self.parse(model)
        fields: dict[str, list[bytes]] = {}
        kind = self.request.headers["Content-Type"]
        try:
            parse_body_arguments(kind, self.request.body, fields, {})
            given = {name: values[-1].decode() for name, values in fields.items()}
        except (HTTPInputError, ValueError) as error:
            raise InvalidRequest("the form cannot be read") from error
        if any("\0" in value for value in given.values()):
            raise InvalidRequest(NUL_REFUSED)
        with reading():
            return model.model_validate(given)

    def speak(self, dialect: Dialect) -> None:
        """Answer this request as another dialect does, once it is known to be one of its."""
        vars(self)["dialect"] = dialect

    def _json(self) -> bytes:
        if not self.request.body:
            return b"{}"
        given = self.request.headers.get("Content-Type", "")
        kind = given.partition(";")[0].strip().lower()
        if kind and not _JSON_TYPE.fullmatch(kind):
            raise InvalidRequest(f"send JSON with Content-Type: application/json, not {given!r}")
        return self.request.body

    def parse_query(self, model: type[M]) -> M:
        """The query as a wire model; ``token`` is a credential.

        Of repeated values the last counts, and all where the field is a list.
        """
        many = [
            n for n, field in model.model_fields.items() if get_origin(field.annotation) is list
        ]
        given: dict[str, Any] = {}
        for name in self.request.query_arguments:
            if name != "token":
                read = self.get_query_arguments if name in many else self.get_query_argument
                given[name] = read(name)
        with reading():
            return model.model_validate(given)

    # -- out -----------------------------------------------------------------------------------

    def reply(self, answer: BaseModel, *, status: int = 200) -> None:
        """Answer with a wire model."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(answer.model_dump_json(by_alias=True))

    async def stream(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        content_type: str,
        last_words: Callable[[dict[str, Any]], bytes],
        sign_of_life: bytes = b"",
    ) -> None:
        """Send chunks as they come; a client that goes away closes the generator at once.

        An error before the first chunk is an answer like any other; after it, ``last_words``
        writes its body into the stream. A ``sign_of_life`` goes out now and then, so that proxies
        do not cut a stream that is silent for long.
        """
        self.set_header("Content-Type", content_type)
        transport = TRANSPORTS.get(content_type.partition(";")[0])
        figures = StreamFigures(transport or "ndjson")
        pump = self.core.spawn(self._pump(chunks, figures), name=f"stream of {self.request_id}")
        self._stream_task = pump
        every_s = self.services.heartbeat_s if sign_of_life else None
        if self._actor is not None:
            self.services.guests.admit(self)
        try:
            while not (await asyncio.wait((pump,), timeout=every_s))[0]:
                if self._headers_written:
                    self.write(sign_of_life)
                    await self.flush()
        finally:
            pump.cancel()
            self.services.guests.dismiss(self)
        error = self._eviction if pump.cancelled() else pump.result()
        if transport is not None and (self._headers_written or error is None):
            self._tell_end(figures, self._end_of(pump))
        if error is None or isinstance(error, StreamClosedError):
            return
        if not self._headers_written:
            raise error
        self.log_exception(type(error), error, error.__traceback__)
        self.finish(last_words(self.dialect.body_of(self.failure(error)[0])))

    def evict(self, error: NotebookAgentsError) -> None:
        """End the stream, which says why."""
        self._eviction = error
        if self._stream_task is not None:
            self._stream_task.cancel()

    def _tell_end(self, figures: StreamFigures, reason: Reason) -> None:
        self.tell_of_stream(figures.closed(self.route, reason, is_resumed=self.is_resuming))

    def _end_of(self, pump: asyncio.Task[Exception | None]) -> Reason:
        if pump.cancelled():
            return "client_gone" if self._eviction is None else "refused"
        if isinstance(pump.result(), StreamClosedError):
            return "client_gone"
        return "finished" if pump.result() is None else "server"

    async def _pump(
        self, chunks: AsyncGenerator[bytes, None], figures: StreamFigures
    ) -> Exception | None:
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    since = time.monotonic()
                    self.write(chunk)
                    await self.flush()
                    figures.sent(since)
        except Exception as error:  # noqa: BLE001 - whoever started the stream answers with it
            return error
        return None

    def on_connection_close(self) -> None:
        """End the stream of a client that went away."""
        super().on_connection_close()
        if self._stream_task is not None:
            self._stream_task.cancel()

    # -- verbs that a subclass does not define -------------------------------------------------

    @guarded
    async def _missing(self, *_args: str, **_kwargs: str) -> None:
        raise HTTPError(
            405,
            log_message=f"{self.request.method} is not offered here; use {', '.join(self.offered)}",
        )

    get = head = post = put = patch = delete = _missing

    @guarded
    async def options(self, *_args: str, **_kwargs: str) -> None:
        """Answer a browser's question before a cross-origin request."""
        self.set_header("Allow", ", ".join(self.offered))
        if "Access-Control-Allow-Origin" in self._headers:
            self.set_header("Access-Control-Allow-Methods", ", ".join(self.offered))
            self.set_header("Access-Control-Allow-Headers", self.request_headers)
            self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)
        self.finish()

    @property
    def offered(self) -> tuple[str, ...]:
        """The verbs of this path."""
        missing = BaseHandler._missing
        offered = [verb for verb in VERBS if getattr(type(self), verb) is not missing]
        return tuple(verb.upper() for verb in offered)


class UnknownPath(BaseHandler):
    """JSON 404 for whatever is not there below our own prefixes."""

    async def get(self, *_args: str) -> None:
        """Refuse."""
        raise NotFound("path", self.request.path)

    head = post = put = patch = delete = get


def raise_if_failed(run: Run) -> None:
    """Raise the error that a run ended with.

    A run that was stopped or used up its own limits is an answer, if a short one.
    """
    if run.state == "failed" and run.error_code != LimitExceeded.code:
        raise error_of_code(run.error_code, run.error_message)
