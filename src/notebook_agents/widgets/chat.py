"""The chat panel: a conversation with an agent below a cell, for as long as the kernel lives.

The widget only carries messages: what the views ask for goes to `chat_requests`, what the board
tells goes to the views. Below the panel the cell has a second output, the transcript as plain HTML,
which is what remains where there is no kernel.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.figures import PLOTLY
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import await_on, block_on
from notebook_agents.widgets.assets import css, esm
from notebook_agents.widgets.chat_board import Board
from notebook_agents.widgets.chat_requests import AT_ONCE, REQUESTS
from notebook_agents.widgets.chat_static import CLASS, as_html, as_text
from notebook_agents.widgets.chat_work import Chat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_agents.widgets.chat_board import Record
    from notebook_agents.widgets.chat_places import Place
    from notebook_agents.widgets.chat_session import ChatSession

HINT = "A chat panel needs a notebook front end with widgets; the transcript is below."
_log = logging.getLogger(__name__)


class ChatPanel(anywidget.AnyWidget):  # type: ignore[misc]
    """A conversation with an agent; make one with ``notebook_agents.chat()``."""

    _esm = esm("chat")
    _css = css("chat")
    state = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, session: ChatSession, place: Place | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._handles: list[Any] = []
        self._turn = asyncio.Lock()
        self._marker = f"{CLASS}-{secrets.token_hex(4)}"
        super().__init__(settings={"enter_sends": True, "transcript_class": self._marker})
        board = Board(self.send, self._later)
        self.chat = Chat(session=session, board=board, rest=self._rest, place=place)
        self.on_msg(self._receive)

    @property
    def conversation_id(self) -> str:
        """The conversation that is shown; empty before its first message."""
        return self.chat.session.conversation_id

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Who said what, so far."""
        return [
            (message["role"], "\n\n".join(_texts(message)))
            for message in self.chat.board.copy()["messages"]
        ]

    @property
    def figures(self) -> tuple[Record, ...]:
        """Plotly figures of the answers: ``plotly.graph_objects.Figure(panel.figures[-1])``."""
        blocks = [b for message in self.chat.board.copy()["messages"] for b in message["blocks"]]
        return tuple(json.loads(b["content"]) for b in blocks if b.get("media_type") == PLOTLY)

    def say(self, text: str) -> None:
        """Send a message, as if it were written in the panel; the answer comes in between cells."""
        self._loop.call_soon_threadsafe(self._serve, {"kind": "send", "text": text}, ())

    def show(self, conversation_id: str = "") -> None:
        """Show another conversation, or an empty one."""
        block_on(self.chat.open(conversation_id))

    def __repr__(self) -> str:
        title = (self.chat.history.conversation and self.chat.history.conversation.title) or ""
        n_messages = len(self.chat.board.state["messages"])
        name = f" {title!r}" if title else ""
        return f"<ChatPanel{name}, {n_messages} messages, model {self.chat.session.model}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        title, messages = self._told()
        data["text/plain"] = as_text(title, messages)
        data["text/html"] = as_html(title, messages)
        return data, metadata

    def _ipython_display_(self, **_kwargs: Any) -> None:
        """Two outputs: the panel, and below it the transcript, which is kept up to date."""
        from IPython.display import display

        bundle, metadata = super()._repr_mimebundle_()
        bundle["text/plain"] = HINT
        display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        handle: Any = display(self._transcript(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if handle is not None:
            self._handles.append(handle)

    def _transcript(self) -> Record:
        title, messages = self._told()
        return {
            "text/html": as_html(title, messages, self._marker),
            "text/plain": as_text(title, messages),
        }

    def _told(self) -> tuple[str, list[Record]]:
        conversation = self.chat.history.conversation
        return (conversation.title if conversation else "", self.chat.board.copy()["messages"])

    def _rest(self) -> None:
        self.state = self.chat.board.copy() | {"conversations": None}
        for handle in self._handles:
            handle.update(self._transcript(), raw=True)
        self._tell_transcript()

    def _tell_transcript(self) -> None:
        """For pages that were loaded after the cell ran: no update of its output reaches them."""
        if self._handles:
            self.send({"kind": "transcript", "data": self._transcript()})

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, work)

    def _receive(self, _widget: Any, content: Any, buffers: Sequence[Any]) -> None:
        """A view asks for something; on any thread."""
        asked = content if isinstance(content, dict) else {}
        if asked.get("kind") == "refresh":
            self.chat.board.tell_all()
            if not self.chat.is_busy:
                self._tell_transcript()
            return
        if asked.get("kind") == "stop":
            self.chat.stop_in_core()
        self._loop.call_soon_threadsafe(self._serve, asked, tuple(buffers or ()))

    def _serve(self, asked: Record, buffers: Sequence[Any]) -> None:
        self.chat.spawn(self._answer(asked, buffers), "a chat panel's request")

    async def _answer(self, asked: Record, buffers: Sequence[Any]) -> None:
        kind, request = asked.get("kind"), asked.get("request", "")
        function = REQUESTS.get(kind) if isinstance(kind, str) else None
        try:
            if function is None:
                raise AgentError(f"the kernel does not know {kind!r}; is the page older than it?")
            if kind in AT_ONCE:
                told = await await_on(function(self.chat, asked, buffers))
            else:
                async with self._turn:
                    told = await await_on(function(self.chat, asked, buffers))
        except NotebookAgentsError as error:
            self._tell({"kind": "refused", "request": request, "text": error.message})
        except AgentError as error:
            self._tell({"kind": "refused", "request": request, "text": str(error)})
        except Exception as error:  # noqa: BLE001 - a panel must say what failed, and stay
            _log.exception("a request of a chat panel failed")
            text = f"{type(error).__name__}: {error}"
            self._tell({"kind": "refused", "request": request, "text": text})
        else:
            self._tell({"kind": "done", "request": request} | (told or {}))

    def _tell(self, message: Record) -> None:
        """Answer a view that asked, once it knows what came of it."""
        self.chat.board.flush(is_urgent=True)
        self.send(message)


def _texts(message: Record) -> list[str]:
    return [block["text"] for block in message["blocks"] if block["type"] == "text"]
