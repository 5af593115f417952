"""The one way a client talks over a WebSocket: credentials, limits, heartbeat, close codes.

A credential comes in the ``Authorization`` header, as ``?token=`` or ``?api_key=``, as the
subprotocol ``bearer.<token>``, or in the first frame ``{"type": "auth", "token": …}``; before it is
accepted nothing is looked up and nothing is said. It is checked again every few seconds, so that
an expired or revoked one ends the socket, and so does one that is good for something else now.
The socket only subscribes: what it started goes on when it closes. Frames wait in a bounded queue;
a client that reads too slowly is closed with 1013.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol,
    WebSocketProtocol13,
)

from notebook_agents.core.errors import (
    InvalidRequest,
    NotAuthenticated,
    NotebookAgentsError,
    NotPermitted,
)
from notebook_agents_server.closing import TellingProtocol
from notebook_agents_server.door import CREDENTIAL_HINT, Door, without_jupyter_login
from notebook_agents_server.failures import (
    INTERNAL_CLOSE_CODE,
    MalformedFrame,
    RateExceeded,
    reading,
)
from notebook_agents_server.limits import MESSAGES, Place
from notebook_agents_server.services import GOING_AWAY_CLOSE_CODE
from notebook_agents_server.stream_figures import Reason, StreamFigures

if TYPE_CHECKING:
    from notebook_agents.core.core import Core

__all__ = ["BaseSocket", "MalformedFrame", "RateExceeded"]

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_WAITING_FRAMES = 1000
"""Frames a slow client may be behind before it is closed."""
CATCH_UP_S = 10.0
"""Seconds that a stream waits for a client which is half as far behind."""
TOO_SLOW_CLOSE_CODE = 1013
NORMAL_CLOSE_CODE = 1000
UNAUTHENTICATED_CLOSE_CODE = 4401
BEARER_SUBPROTOCOL = "bearer."
MIN_PLACE_TTL_S = 30.0
"""Seconds for which a socket still counts, at least, when its server is gone."""
_log = logging.getLogger(__name__)


class BaseSocket(Door, WebSocketHandler):
    """A Door for a conversation of frames; a dialect gives the frames."""

    scope: ClassVar[str] = "run"
    frames: ClassVar[TypeAdapter[Any]]
    """What the client may send after it is authenticated."""

    message_group: ClassVar[str] = MESSAGES
    """The group of rate limits that counts what the client sends."""

    _refusal: NotebookAgentsError | None = None
    _place: Place | None = None
    _is_open: bool = False
    _closing: tuple[int, str] | None = None
    _end: Reason | None = None
    """Why this side closed it."""
    _is_told: bool = False

    # -- for dialects --------------------------------------------------------------------------

    async def on_ready(self, *args: str) -> None:
        """The client is known; ``args`` are the groups of the path."""

    async def on_frame(self, frame: Any) -> None:
        """The client sent a valid frame; must return soon."""
        raise NotImplementedError

    def read_frame(self, message: str | bytes) -> Any:
        """What the client sent, checked."""
        return self.frames.validate_json(message)

    def is_counted(self, frame: Any) -> bool:  # noqa: ARG002 - for those who look at it
        """Whether a frame counts as a message; what is no valid frame always does."""
        return True

    def heartbeat_frame(self) -> BaseModel | None:
        """A frame to send with every heartbeat; None for the protocol's own ping alone."""
        return None

    def send(self, frame: BaseModel) -> None:
        """Queue a frame for the client."""
        self._offer(frame.model_dump_json(by_alias=True, exclude_none=True))

    async def room(self) -> None:
        """Wait until the client is not too far behind: for frames that are there all at once."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                while self._outgoing.qsize() > MAX_WAITING_FRAMES // 2:
                    self._written.clear()
                    await self._written.wait()
        except TimeoutError:
            self._give_up()

    def work(self, job: Coroutine[Any, Any, None], *, name: str, is_essential: bool = True) -> None:
        """Do something beside receiving frames; it ends with the socket.

        An error in an essential job ends the socket, in another one it is only told.
        """
        guarded = self._guarded(job, is_grave=is_essential)
        task = self.core.spawn(guarded, name=f"{name} of {self.request_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- opening -------------------------------------------------------------------------------

    def initialize(self, services: Any) -> None:
        """Take what the route table gives."""
        super().initialize(services)
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing: asyncio.Queue[tuple[float, str]] = asyncio.Queue(MAX_WAITING_FRAMES)
        self._written = asyncio.Event()
        self._figures = StreamFigures("websocket")

    @property
    def ping_interval(self) -> float:
        """Seconds between the protocol's own pings."""
        return self.services.heartbeat_s

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest frame a client may send."""
        return MAX_MESSAGE_BYTES

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """The protocol, which says why it ends; no compression, so it needs no more options."""
        protocol = super().get_websocket_protocol()
        if isinstance(protocol, WebSocketProtocol13):
            return TellingProtocol(self, mask_outgoing=False, params=protocol.params)
        return protocol

    def check_origin(self, origin: str) -> bool:
        """Whether a page of another origin may connect."""
        if self.services.allows_origin(origin):
            return True
        return urlsplit(origin).netloc.lower() == self.request.headers.get("Host", "").lower()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """A browser insists that one of its subprotocols is chosen."""
        plain = [name for name in subprotocols if not name.startswith(BEARER_SUBPROTOCOL)]
        return next(iter(plain or subprotocols), None)

    def given_credential(self) -> str:
        """The credential of the handshake; empty when it comes in the first frame."""
        if self.request.headers.get("Authorization"):
            return super().given_credential()
        for name in ("token", "api_key"):
            if value := self.get_query_argument(name, ""):
                return value
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        for name in (part.strip() for part in offered.split(",")):
            if name.startswith(BEARER_SUBPROTOCOL):
                return name.removeprefix(BEARER_SUBPROTOCOL)
        return ""

    async def prepare(self) -> None:
        """Refuse before the handshake what can be refused."""
        self.check_host()
        self.services.ready()
        try:
            await self.admit()
        except NotebookAgentsError as error:
            if not (self.dialect.refuses_after_handshake and self._is_handshake()):
                raise
            self._refusal = error
        if not self._is_handshake():
            raise HTTPError(
                405 if self.request.method != "GET" else 400, log_message="connect with a WebSocket"
            )

    async def show_credential(self) -> None:
        """Find out who asks; a socket's client may say it later."""
        if credential := self.given_credential():
            await self.enter(credential)
        elif not self._is_handshake():
            raise NotAuthenticated(CREDENTIAL_HINT)

    def _is_handshake(self) -> bool:
        upgrade = self.request.headers.get("Upgrade", "").lower()
        return upgrade == "websocket" and self.request.method == "GET"

    @without_jupyter_login
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Shake hands."""
        try:
            urlsplit(self.request.headers.get("Origin", ""))
        except ValueError:  # brackets that hold no address; Tornado would fail on them
            raise NotPermitted("the Origin header is not valid") from None
        await super().get(*args, **kwargs)

    async def open(self, *args: str, **_kwargs: str) -> None:
        """Start the conversation, at once or after the first frame."""
        self._path_args = args
        self._is_open = True
        self.services.sockets.add(self)
        self.work(self._write_frames(), name="sending")
        if self._refusal is not None:
            self._fail(self._refusal, is_grave=True)
            return
        self.work(self._beat(), name="heartbeat")
        if self._actor is None:
            self.work(self._expect_auth(), name="waiting for a credential")
        else:
            await self._guarded(self._begin(), is_grave=True)

    async def _begin(self) -> None:
        # So long that two heartbeats may be late.
        ttl_s = max(MIN_PLACE_TTL_S, 3 * self.services.heartbeat_s)
        place = Place(dialect=self.dialect.name, caller=self.caller, ttl_s=ttl_s)
        await self.services.limiter.take(place)
        self._place = place
        if self._is_open:
            self.services.guests.admit(self)
            await self.on_ready(*self._path_args)
        else:
            await self.services.limiter.give_back(place)  # the client left meanwhile

    async def _expect_auth(self) -> None:
        await asyncio.sleep(self.services.first_frame_timeout_s)
        if self._actor is None:
            self.close(UNAUTHENTICATED_CLOSE_CODE, "no credential came")

    # -- receiving -----------------------------------------------------------------------------

    async def on_message(self, message: str | bytes) -> None:
        """Check and pass on a frame."""
        if self._closing is not None:
            return
        if self._actor is None:
            await self._guarded(self._authenticate(message), is_grave=True)
        else:
            await self._guarded(self._receive(message), is_grave=False)

    async def _receive(self, message: str | bytes) -> None:
        try:
            with reading(message):
                frame = self.read_frame(message)
        except InvalidRequest as error:
            await self.count(self.message_group)
            if _is_json(message):
                raise
            raise MalformedFrame(error.message) from None
        if self.is_counted(frame):
            await self.count(self.message_group)
        await self.on_frame(frame)

    async def _authenticate(self, message: str | bytes) -> None:
        try:
            frame = json.loads(message)
        except (ValueError, RecursionError):
            frame = None
        if not isinstance(frame, dict) or frame.get("type") != "auth":
            raise NotAuthenticated('send {"type": "auth", "token": …} first')
        token = frame.get("token")
        if not isinstance(token, str) or not token:
            raise NotAuthenticated("the auth frame has no token")
        await self.enter(token)
        await self.count()
        await self._begin()

    async def _guarded(self, job: Coroutine[Any, Any, None], *, is_grave: bool) -> None:
        """Do the job; an error becomes a frame and, when it is grave or not ours, the end."""
        try:
            await job
        except (WebSocketClosedError, StreamClosedError):
            pass
        except Exception as error:  # noqa: BLE001 - the one place where a socket's errors end
            self._fail(error, is_grave=is_grave)

    def _fail(self, error: Exception, *, is_grave: bool) -> None:
        failure, is_ours = self.failure(error)
        if not is_ours:
            _log.error("socket %s failed", self.request_id, exc_info=error)
        self._offer(json.dumps(self.dialect.frame_of(failure)))
        if not is_ours:
            self._offer_close(INTERNAL_CLOSE_CODE, failure.error.message)
        elif is_grave or isinstance(failure.error, self.dialect.ends_sockets):
            self._offer_close(self.dialect.close_code_of(failure.error), failure.error.message)

    def evict(self, error: NotebookAgentsError) -> None:
        """Say why, and close."""
        self._fail(error, is_grave=True)

    # -- sending -------------------------------------------------------------------------------

    def _offer(self, text: str) -> None:
        if not self._is_open:
            return
        try:
            self._outgoing.put_nowait((time.monotonic(), text))
        except asyncio.QueueFull:
            self._give_up()

    def _give_up(self) -> None:
        self._is_open = False
        self.close(TOO_SLOW_CLOSE_CODE, "too slow")

    def _offer_close(self, code: int, reason: str) -> None:
        """Close after what waits has been sent."""
        self._closing = (code, reason.encode()[:120].decode(errors="ignore"))
        self._offer("")

    async def _write_frames(self) -> None:
        while True:
            since, text = await self._outgoing.get()
            if text:
                await self.write_message(text)
                self._figures.sent(since)
                self._written.set()
            elif self._closing is not None:
                self.close(*self._closing)
                return

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.services.heartbeat_s)
            if self._actor is not None:
                if self._place is not None:
                    await self.services.limiter.keep(self._place)
                if (frame := self.heartbeat_frame()) is not None:
                    self.send(frame)

    # -- closing -------------------------------------------------------------------------------

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close it from this side."""
        self._end = self._end or _reason_of(code)
        super().close(code, reason)

    def tell_closed(self, core: Core | None = None) -> None:
        """Tell the event log of the end, once."""
        if not self._is_told:
            self._is_told = True
            body = self._figures.closed(
                self.route,
                self._end or "client_gone",
                is_resumed=self.is_resuming,
                n_dropped=self._outgoing.qsize(),
            )
            self.tell_of_stream(body, core)

    def on_close(self) -> None:
        """End what belongs to the socket; runs go on."""
        self.tell_closed()
        self._is_open = False
        self.services.sockets.discard(self)
        self.services.guests.dismiss(self)
        for task in tuple(self._tasks):
            task.cancel()
        place, core = self._place, self.services.core
        if place is not None and core is not None:  # else it ends by itself
            core.spawn(
                self.services.limiter.give_back(place), name=f"end of socket {self.request_id}"
            )


def _reason_of(code: int | None) -> Reason:
    known: dict[int | None, Reason] = {
        None: "finished",
        NORMAL_CLOSE_CODE: "finished",
        GOING_AWAY_CLOSE_CODE: "server",
        INTERNAL_CLOSE_CODE: "server",
        TOO_SLOW_CLOSE_CODE: "fell_behind",
    }
    return known.get(code, "refused")


def _is_json(message: str | bytes) -> bool:
    try:
        json.loads(message)
    except (ValueError, RecursionError):
        return False
    return True
