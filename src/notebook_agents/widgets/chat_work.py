"""What a chat panel does, without the widget: conversations, prompts, and what is shown of them.

Everything runs on the notebook's thread, in between of cells; the core lives on its own and loses
nothing while a cell computes. Only stopping may be asked for on any thread, because JupyterLab
delivers a panel's messages beside a running cell.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import ConversationChanges
from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.spawn import Supervisor
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.options import Options, Prompt
from notebook_agents.magics.session import Stage
from notebook_agents.magics.undo import TO_UNDO
from notebook_agents.magics.waiting import Waits, await_on, until
from notebook_agents.widgets.chat_drawing import note_block
from notebook_agents.widgets.chat_header import MODES, Header, header_of, offers_of
from notebook_agents.widgets.chat_history import History, answer_record, load, user_record
from notebook_agents.widgets.chat_places import Place, remember
from notebook_agents.widgets.chat_stage import APPROVAL_TIMEOUT_S, CardAsker, ChatScreen
from notebook_agents.widgets.chat_stopping import ignore_when_idle, stop_when_idle

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.messages import AttachmentPart
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat_attachments import Attached
    from notebook_agents.widgets.chat_board import Board, Record
    from notebook_agents.widgets.chat_session import ChatSession

MAX_QUEUE = 5
"""Messages that may wait for the run before them."""
BUSY = "an answer is being written; stop it first"
TITLE_CHARS = 80
EVERYTHING = 1_000_000
"""Earlier questions that are sent along: as many as fit."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message that is to be sent."""

    id: str
    text: str
    client_id: str = ""
    parts: tuple[AttachmentPart, ...] = ()
    chips: tuple[Record, ...] = ()
    """What is shown of the attachments."""


@dataclass(slots=True, kw_only=True)
class Chat:
    """A conversation with a person, and everything a panel can do to it."""

    session: ChatSession
    board: Board
    rest: Callable[[], None]
    """Called when the state has come to rest."""
    place: Place | None = None
    """The cell that remembers the conversation."""
    timeout_s: float = APPROVAL_TIMEOUT_S
    history: History = field(default_factory=History)
    header: Header = field(default_factory=Header)
    attachments: dict[str, Attached] = field(default_factory=dict)
    """By id, what goes with the next message."""
    supervisor: Supervisor = field(default_factory=Supervisor)
    unsent: list[Record] = field(default_factory=list)
    """Messages of runs that could not be started, with what is known of them."""
    _queue: list[Entry] = field(default_factory=list)
    _asker: CardAsker | None = None
    _task: asyncio.Task[Any] | None = None
    _is_working: bool = False
    undone: dict[str, str] = field(default_factory=dict)
    """By run id, what taking back its changes came to."""
    _client_ids: dict[str, str] = field(default_factory=dict)
    """By run id."""
    _notes: dict[str, list[str]] = field(default_factory=dict)
    _events: dict[str, list[EventBody]] = field(default_factory=dict)
    """Of finished runs, by run id."""

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being written."""
        return self._is_working

    def require_rest(self) -> None:
        """Refuse what would take the conversation away from a run."""
        if self._is_working:
            raise AgentError(BUSY)

    def open(self, conversation_id: str = "") -> Waits[None]:
        """Show a conversation, or an empty one."""
        self.require_rest()
        conversation = None
        if conversation_id:
            actor = (yield from self.session.identify()).actor
            conversation = yield from self.core(
                lambda core: core.conversations.resolve(actor, conversation_id)
            )
        self.session.enter(conversation)
        self.unsent, self._events = [], {}
        yield from self.reload()

    def reload(self) -> Waits[None]:
        """Read everything that is shown from the record, and show it."""
        yield from self.read()
        self.show()

    def read(self) -> Waits[None]:
        """Read everything that is shown from the record."""
        identity = yield from self.session.identify()
        actor, id, events = identity.actor, self.session.conversation_id, self._events
        self.history = History()
        if id:
            self.history = yield from self.core(lambda core: load(core, actor, id, events))
        self.header = yield from self.core(header_of)
        if id and self.place is not None:
            place, conversation = self.place, self.history.conversation
            if conversation is not None:
                yield from self.core(lambda core: remember(core, actor, conversation, place))
        yield from self._keep_model(actor)

    def _keep_model(self, actor: Actor) -> Waits[None]:
        """Let the conversation remember the model that was chosen for it."""
        conversation, model = self.history.conversation, self.session.chosen_model or None
        if conversation is None or conversation.settings.model == model:
            return
        changes = ConversationChanges(settings=replace(conversation.settings, model=model))
        self.history.conversation = yield from self.core(
            lambda core: core.conversations.update(actor, conversation.id, changes)
        )

    def show(self) -> None:
        """Tell the views everything."""
        conversation = self.history.conversation
        state: Record = {
            "conversation": {
                "id": conversation.id if conversation else "",
                "title": conversation.title if conversation else "",
            },
            "header": self.header_record(),
            "messages": [*map(self._signed, self.history.messages), *self.unsent],
            "run": {"state": "idle", "run_id": "", "phase": "", "started_at": None},
            "offers": offers_of(self.session.preferences),
        }
        self.board.reset(**state, queue=self._queued(), attachments=self._chips())
        if not self._is_working:
            self.rest()

    def _signed(self, message: Record) -> Record:
        """A message with what only this kernel knows of it: who sent it, what was noted."""
        run_id = message["run_id"]
        if message["role"] == "user" and run_id in self._client_ids:
            return message | {"client_id": self._client_ids[run_id]}
        if message["role"] != "assistant":
            return message
        known = {block.get("text") for block in message["blocks"]}
        notes = [text for text in self._notes.get(run_id, ()) if text not in known]
        blocks = [_note(f"{run_id}:s{number}", text) for number, text in enumerate(notes)]
        return message | {"blocks": [*message["blocks"], *blocks], "undo": self._undo(message)}

    def _undo(self, message: Record) -> Record | None:
        """Whether what an answer changed can be taken back, or was."""
        # What tools of the sandbox wrote is known by the run.
        causes = {block["id"] for block in message["blocks"] if block["type"] == "tool"}
        causes.add(message["run_id"])
        changes = self.session.checkpoints.of_calls(causes)
        if (text := self.undone.get(message["run_id"])) is not None:
            return {"label": "Undo", "state": "failed" if changes else "done", "text": text}
        if not changes:
            return None
        n = len(changes)
        return {"label": f"Undo {n} change{'s' if n > 1 else ''}", "state": "offered"}

    def header_record(self) -> Record:
        """The first line of the panel."""
        history = self.history
        return self.header.record(
            model=self.session.model,
            mode=self.session.mode,
            usage=history.usage,
            context_used=history.context_used,
        )

    def send(self, text: str, client_id: str = "") -> None:
        """Send a message, or keep it until the run before it has ended.

        Raises AgentError when it is empty or too many wait.
        """
        if not text.strip():
            raise AgentError("the message is empty; write something first")
        if len(self._queue) >= MAX_QUEUE:
            raise AgentError(f"{MAX_QUEUE} messages wait already; let one be answered first")
        self._require_sight()
        taken, self.attachments = self.attachments, {}
        entry = Entry(
            id=f"q{next(_numbers)}",
            text="\n\n".join([text, *(a.mention for a in taken.values() if a.mention)]),
            client_id=client_id,
            parts=tuple(part for a in taken.values() for part in a.parts),
            chips=tuple(a.chip for a in taken.values()),
        )
        self._queue.append(entry)
        self.board.set(attachments=[], notice=None)
        if self._is_working:
            self.board.set(queue=self._queued())
            self.board.flush()
            return
        self._is_working = True
        starting = {"state": "starting", "run_id": "", "phase": "", "started_at": time.time()}
        self.board.set(run=starting)
        self.board.flush()
        self.spawn(self._work(), "a chat panel's messages")

    def _require_sight(self) -> None:
        pictures = any(p.kind == "image" for a in self.attachments.values() for p in a.parts)
        if pictures and not self.header.sees(self.session.model):
            raise AgentError(
                f"{self.session.model} does not see images; remove the picture, or choose a model"
                " that does"
            )

    def take_back(self, id: str) -> None:
        """Forget a message that waits."""
        self._queue = [entry for entry in self._queue if entry.id != id]
        self.board.set(queue=self._queued())
        self.board.flush()

    def decide(
        self, call_id: str, decision: str, feedback: str = "", edited: Record | None = None
    ) -> None:
        """Answer a question; AgentError when it does not wait any more."""
        if self._asker is None or not self._asker.decide(call_id, decision, feedback, edited):
            raise AgentError("this call does not wait for an answer any more")

    def stop_in_core(self) -> None:
        """Stop the run where it works; from any thread, also beside a cell that computes."""
        id, actor = self.session.conversation_id, self.session.actor
        if id and actor is not None and self._is_working:
            self.session.host.submit(lambda core: core.runs.cancel_all(actor, id))
            self.board.set(run=self.board.state["run"] | STOPPING)
            self.board.flush(is_urgent=True)

    def stop(self) -> None:
        """Stop the run and send nothing that waits for it."""
        left, self._queue = self._queue, []
        if left:
            texts = "; ".join(f"“{entry.text}”" for entry in left)
            self.board.set(notice={"level": "info", "text": f"Stopped; not sent: {texts}"})
        self.board.set(queue=[])
        if self._task is not None:
            self._task.cancel()
        self.board.flush()

    def choose_mode(self, mode: str) -> None:
        """Ask for more or less from now on; never kept beyond this kernel."""
        if mode not in MODES:
            raise AgentError(f"there is no mode {mode!r}; known: {', '.join(MODES)}")
        self.session.own_mode = mode
        self.board.set(header=self.header_record())
        self.board.flush()

    def put_attachments(self) -> None:
        """Show what goes with the next message."""
        self.board.set(attachments=self._chips())
        self.board.flush()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Have something done in between of cells."""
        return self.supervisor.spawn(work, name=name)

    async def _work(self) -> None:
        try:
            while self._queue:
                entry = self._queue.pop(0)
                self.board.set(queue=self._queued())
                await self._serve(entry)
        finally:
            self._is_working = False
            self._task = self._asker = None
            ignore_when_idle()
            self.show()

    async def _serve(self, entry: Entry) -> None:
        number = next(_numbers)
        said = user_record(
            f"live-u{number}", entry.text, client_id=entry.client_id, attachments=entry.chips
        )
        self.session.stay()
        screen = ChatScreen(
            board=self.board,
            key=f"live-{number}",
            timeout_s=self.timeout_s,
            tick=lambda: stop_when_idle(self.stop),
        )
        self.board.put_message(said)
        self.board.put_message({"id": screen.key, "role": "assistant", "state": "running"} | EMPTY)
        self.board.flush()
        options = Options(history=EVERYTHING)
        self._asker = CardAsker(
            screen=screen,
            preview=self.session.live.previewer(options),
            is_still_asked=self._is_still_asked,
        )
        asking = self._ask(Prompt(text=entry.text, options=options, parts=entry.parts), screen)
        self._task = self.spawn(asking, "a chat panel's run")
        await asyncio.wait([self._task])
        self._asker = None
        await self._settle(entry, said, screen)

    async def _ask(self, request: Prompt, screen: ChatScreen) -> None:
        assert self._asker is not None
        try:
            await await_on(self.session.prompt(request, Stage(screen=screen, ask=self._asker)))
        except AgentError as error:
            if screen.transcript is not None and not screen.transcript.state:
                screen.transcript.fail(str(error))

    async def _settle(self, entry: Entry, said: Record, screen: ChatScreen) -> None:
        """Replace what was drawn while it ran by what is kept of it."""
        known = {message["run_id"] for message in self.history.messages}
        is_begun = self.history.conversation is not None
        try:
            await await_on(self.read())
            if not is_begun:
                await await_on(self._name(entry.text))
        except NotebookAgentsError as error:
            self.board.set(notice={"level": "error", "text": error.message})
        new = {message["run_id"] for message in self.history.messages} - known
        self._client_ids |= dict.fromkeys(new, entry.client_id)
        self._notes |= dict.fromkeys(new, screen.transcript.notes if screen.transcript else [])
        self.unsent = []
        if not new:
            answer = answer_record(screen.key, screen.transcript) if screen.transcript else None
            self.unsent = [said, *([answer] if answer else [])]
        if self._queue:
            self.show()

    def _name(self, text: str) -> Waits[None]:
        """Call a new conversation by what was typed, whatever else the model was told."""
        conversation, actor = self.history.conversation, self.session.actor
        title = " ".join(text.split())[:TITLE_CHARS]
        if conversation is None or actor is None or conversation.title == title:
            return
        id, changes = conversation.id, ConversationChanges(title=title)
        self.history.conversation = yield from self.core(
            lambda core: core.conversations.update(actor, id, changes)
        )

    def _is_still_asked(self) -> Future[bool]:
        actor = self.session.actor
        wish = ListRuns(
            conversation_id=self.session.conversation_id, states=("waiting_approval",), limit=1
        )

        async def look(core: Core) -> bool:
            if actor is None or not wish.conversation_id:
                return True
            return bool((await core.runs.list(actor, wish)).items)

        return self.session.host.submit(look)

    def core(self, work: Callable[[Core], Coroutine[Any, Any, Any]]) -> Waits[Any]:
        """Ask the core, and wait for its answer."""
        return (yield from until(self.session.host.submit(work)))

    def _queued(self) -> list[Record]:
        return [{"id": e.id, "text": e.text, "client_id": e.client_id} for e in self._queue]

    def _chips(self) -> list[Record]:
        return [attachment.chip for attachment in self.attachments.values()]


STOPPING: Record = {"state": "stopping", "phase": "Stopping…"}


def _note(id: str, text: str) -> Record:
    """What was noted beside the record; for what can be undone the panel has a button."""
    said, how, _ = text.partition(f" ({TO_UNDO}: ")
    return note_block(id, said) | ({"level": "info"} if how else {})


EMPTY: Record = {"run_id": "", "is_hidden": False, "blocks": []}
"""What an answer has before anything has happened."""
