"""Where a panel shows a run, and where it asks: the stage of a prompt that is no cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.widgets.chat_diffs import write_diff
from notebook_agents.widgets.chat_drawing import LATE, Question, blocks_of
from notebook_agents.widgets.chat_history import answer_record

if TYPE_CHECKING:
    from notebook_agents.core.events import ApprovalRequested
    from notebook_agents.live.previews import Preview
    from notebook_agents.magics.transcript import Transcript
    from notebook_agents.magics.waiting import Waits
    from notebook_agents.widgets.chat_board import Board, Record

APPROVAL_TIMEOUT_S = 300.0
"""How long a question waits for its answer, which is no when it does not come."""
Previewer = Callable[["ApprovalRequested"], "Waits[Preview | None]"]
LOOK_S = 2.0
"""How often an open question looks whether somebody else has answered it."""


@dataclass(slots=True, kw_only=True)
class ChatScreen:
    """Draws one answer on the board; the board tells the views."""

    board: Board
    key: str
    """The id of the answer's message while it is being made."""
    started_at: float = field(default_factory=time.time)
    timeout_s: float = APPROVAL_TIMEOUT_S
    questions: dict[str, Question] = field(default_factory=dict)
    """By call id, what the person was asked in this run."""
    transcript: Transcript | None = None
    tick: Callable[[], None] = lambda: None
    """Called now and then while the run goes on."""

    def show(
        self, transcript: Transcript, *, has_news: bool = True, is_urgent: bool = False
    ) -> None:
        """Draw what is new; when nothing is, only look after the connection."""
        self.transcript = transcript
        self.tick()
        if has_news or is_urgent:
            self.draw()
        self.board.flush()
        self.board.beat()

    def end(self, transcript: Transcript) -> None:
        """Draw the final state."""
        self.transcript = transcript
        self.draw()
        blocks = blocks_of(transcript, self.questions, self.key)
        self.board.put_message(answer_record(self.key, transcript, blocks=blocks))
        self.board.flush()

    def draw(self) -> None:
        """Put the run on the board as it is now."""
        if (transcript := self.transcript) is None:
            return
        for asked in transcript.pending:
            if asked.call_id not in self.questions:
                expires_at = time.time() + self.timeout_s
                diff = write_diff(asked.name, asked.arguments, Path.cwd())
                question = Question(asked=asked, expires_at=expires_at, diff=diff)
                self.questions[asked.call_id] = question
        self.board.put_blocks(self.key, blocks_of(transcript, self.questions, self.key))
        self.board.set(run=self._run(transcript))

    def _run(self, transcript: Transcript) -> dict[str, object]:
        is_waiting = any(question.decision is None for question in self.questions.values())
        state = "waiting" if is_waiting else "running"
        if transcript.phase.startswith("Stopping"):
            state = "stopping"
        elif not transcript.blocks:
            state = "starting"
        return {
            "state": state,
            "run_id": self.key,
            "phase": transcript.phase,
            "started_at": self.started_at,
        }


@dataclass(slots=True, kw_only=True)
class CardAsker:
    """Shows a card for every question and waits for the answers; none in time means no."""

    screen: ChatScreen
    preview: Previewer
    """Finds out what a call would do, where that can be tried."""
    is_still_asked: Callable[[], Future[bool]]
    """Whether the run waits, or somebody else has answered in the meantime."""
    _changed: Future[None] = field(default_factory=Future)

    def __call__(self, requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
        """The person's answers."""
        asked = [self.screen.questions[request.call_id] for request in requests]
        yield from self._look_ahead(asked)
        looked_at = time.monotonic()
        while left := [question for question in asked if question.decision is None]:
            now = time.time()
            for question in left:
                if question.expires_at is not None and now >= question.expires_at:
                    question.decision = "expired"
                    question.feedback = f"{LATE} {self.screen.timeout_s:g} seconds"
                    self._show()
            self._changed = Future()
            yield self._changed, self._wait_s(left)
            if time.monotonic() - looked_at >= LOOK_S:
                looked_at = time.monotonic()
                looking = self.is_still_asked()
                yield looking, LOOK_S
                if looking.done() and not looking.result():
                    break
            self.screen.tick()
            self.screen.board.beat()
        return [_answer(question) for question in asked]

    def decide(self, call_id: str, decision: str, feedback: str, edited: Record | None) -> bool:
        """Take an answer; False when the call does not wait for one any more."""
        question = self.screen.questions.get(call_id)
        if question is None or question.decision is not None:
            return False
        is_denied = decision not in ("once", "conversation")
        question.decision = "denied" if is_denied else decision
        question.feedback = feedback
        question.edited = None if is_denied else edited
        if question.decision == "conversation":
            for other in self.screen.questions.values():
                is_same = (other.asked.name, other.asked.effect) == (
                    question.asked.name, question.asked.effect,
                )  # fmt: skip
                other.decision = other.decision or ("conversation" if is_same else None)
        self._show()
        if not self._changed.done():
            self._changed.set_result(None)
        return True

    def _look_ahead(self, asked: Sequence[Question]) -> Waits[None]:
        """Put on the cards what the calls would do."""
        for question in asked:
            found = yield from self._tried(question)
            told = found.as_dict() if found is not None else {"preview": None, "not_saved": []}
            question.preview, question.not_saved = told["preview"], told["not_saved"]
            self._show()

    def _tried(self, question: Question) -> Waits[Preview | None]:
        """What a dry run finds; it ends as soon as the person has decided without it."""
        trying = self.preview(question.asked)
        try:
            while question.decision is None:
                ended, seconds = next(trying)
                question.preview = {"state": "running"}
                self._show()
                self._changed = Future()
                yield _first(ended, self._changed), seconds
                while self._changed.done() and question.decision is None and not ended.done():
                    self._changed = Future()  # another question was answered
                    yield _first(ended, self._changed), seconds
        except StopIteration as end:
            found: Preview | None = end.value
            return found
        finally:
            trying.close()
        return None

    def _show(self) -> None:
        self.screen.draw()
        self.screen.board.flush()

    def _wait_s(self, left: Sequence[Question]) -> float:
        ends = [question.expires_at for question in left if question.expires_at is not None]
        return max(0.0, min([LOOK_S, *(end - time.time() for end in ends)]))


def _first(*futures: Future[Any]) -> Future[None]:
    """Done when one of them is."""
    first: Future[None] = Future()

    def finish(_done: Future[Any]) -> None:
        with suppress(InvalidStateError):
            first.set_result(None)

    for future in futures:
        future.add_done_callback(finish)
    return first


def _answer(question: Question) -> ApprovalDecision:
    is_approved = question.decision in ("once", "conversation")
    return ApprovalDecision(
        call_id=question.asked.call_id,
        is_approved=is_approved,
        feedback="" if is_approved else question.feedback,
        edited=question.edited,
        scope="conversation" if question.decision == "conversation" else "once",
        via="timeout" if question.decision == "expired" else "person",
        digest=question.asked.digest,
    )
