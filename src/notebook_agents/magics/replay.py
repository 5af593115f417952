"""``%agent replay``: prompts of a notebook answered from their recordings, without a model.

In the mode ``replay`` nothing is asked of anybody: a prompt is looked up by its text, and its cell
shows what it showed. Code that the model ran in the notebook runs again, since later cells build on
its variables. In the mode ``verify`` prompts are asked anew and compared with their recordings.
``NOTEBOOK_AGENTS_REPLAY`` sets the mode for a whole process, such as pytest or papermill:
``1``, ``verify``, or the path of the notebook that has the recordings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.events import ToolFinished
from notebook_agents.core.users import Actor
from notebook_agents.live.execution import execute
from notebook_agents.magics.cell_recordings import (
    CellRecording,
    as_metadata,
    differences,
    digest_of,
    live_code,
    recording_of,
    recordings_in,
    run_of,
)
from notebook_agents.magics.environment import notebook_path, replay_wish
from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.facts import Facts
from notebook_agents.magics.turn import Turn
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.runs import Run
    from notebook_agents.magics.options import Options, Prompt
    from notebook_agents.magics.session import Session, Stage
    from notebook_agents.magics.transcript import Transcript

Mode: TypeAlias = Literal["off", "replay", "verify"]
NOT_RECORDED = "this prompt is not recorded in {place}; ask it live after: %agent replay off"


class Recorder:
    """What one kernel knows of recordings: the mode, where they are, and which were played."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.mode: Mode = "off"
        self.place: Path | None = None
        """The notebook that was named; None looks for one."""
        self._known: dict[str, list[CellRecording]] | None = None
        self._n_played: dict[str, int] = defaultdict(int)
        wish = replay_wish()
        if wish:
            is_path = wish not in ("1", "true", "yes", "verify")
            self.switch("verify" if wish == "verify" else "replay", Path(wish) if is_path else None)

    def switch(self, mode: Mode, place: Path | None = None) -> None:
        """From now on, and from the first recording of each prompt."""
        self.mode, self.place, self._known = mode, place, None
        self._n_played.clear()

    def all(self) -> Sequence[CellRecording]:
        """Every recording that can be played."""
        return [recording for found in self._recordings().values() for recording in found]

    def next(self, prompt: str) -> CellRecording:
        """The recording of a prompt; one that stands in several cells is played in their order.

        Raises AgentError, with the nearest prompt that is recorded, when there is none.
        """
        digest = digest_of(prompt)
        found = self._recordings().get(digest)
        if not found:
            raise AgentError(self._missing(prompt))
        number = self._n_played[digest]
        self._n_played[digest] += 1
        return found[min(number, len(found) - 1)]

    @property
    def where(self) -> str:
        """Where recordings are looked for, for people."""
        return ", ".join(path.name for path in self._places()) or "any notebook of this folder"

    def _places(self) -> list[Path]:
        if self.place is not None:
            return [self.place]
        own = notebook_path(self._shell.user_ns)
        if own is not None and own.is_file():
            return [own]
        return sorted(Path.cwd().glob("*.ipynb"))

    def _recordings(self) -> dict[str, list[CellRecording]]:
        if self._known is None:
            self._known = defaultdict(list)
            for path in self._places():
                for recording in recordings_in(path):
                    self._known[recording.digest].append(recording)
        return self._known

    def _missing(self, prompt: str) -> str:
        recorded = [recording.prompt for recording in self.all()]
        near = close_to(prompt.strip(), recorded)
        hint = f"; recorded is {near!r}" if near else ""
        return NOT_RECORDED.format(place=self.where) + hint


def play(
    session: Session, request: Prompt, stage: Stage, transcript: Transcript
) -> tuple[Turn, Run]:
    """Show a prompt as it was recorded, and run again what it ran in the notebook."""
    recording = session.recorder.next(request.text)
    code = live_code(recording)
    for body in recording.events:
        if isinstance(body, ToolFinished) and body.call_id in code:
            _run_again(session, code[body.call_id], body)
        transcript.apply(body)
    transcript.note(f"replayed from the recording of {recording.asked_at:%Y-%m-%d %H:%M} UTC")
    transcript.recording = as_metadata(recording)
    transcript.has_gpu = False
    actor = Actor(user_id="", username="replay")
    turn = Turn(
        host=session.host, actor=actor, screen=stage.screen, ask=stage.ask, transcript=transcript
    )
    return turn, run_of(recording)


def record(session: Session, request: Prompt, run: Run, transcript: Transcript) -> Waits[None]:
    """Keep a run for its cell; in the mode ``verify`` say whether it went as recorded."""
    bodies = yield from until(session.host.submit(lambda core: _bodies(core, run)))
    recording = recording_of(request.text, run, bodies)
    transcript.recording = as_metadata(recording)
    if not transcript.recording:
        transcript.note("too large to be recorded in the notebook")


def verify(session: Session, request: Prompt, run: Run) -> None:
    """Raise AgentError when a run departs from its recording."""
    if session.recorder.mode != "verify":
        return
    found = differences(session.recorder.next(request.text), run)
    if found:
        raise AgentError("not as recorded: " + "; ".join(found))


def replay(session: Session, argument: str, _options: Options) -> Waits[Facts]:
    """``%agent replay [off | status | PATH] [--verify]``."""
    words = argument.split()
    is_verifying = "--verify" in words
    names = [word for word in words if word != "--verify"]
    if len(names) > 1:
        raise AgentError("%agent replay takes off, status, or the path of one notebook")
    recorder = session.recorder
    name = names[0] if names else ""
    if name == "off":
        recorder.switch("off")
    elif name != "status":
        place = Path(name).expanduser() if name else None
        if place is not None and not place.is_file():
            raise AgentError(f"there is no notebook {name!r}; see: %agent replay --help")
        recorder.switch("verify" if is_verifying else "replay", place)
    return Facts(tuple(_facts(recorder)))
    yield


def _facts(recorder: Recorder) -> list[tuple[str, str]]:
    told = {
        "off": "off: prompts are asked live and recorded with their cell",
        "replay": "on: prompts are answered from their recordings, nothing is asked",
        "verify": "verify: prompts are asked live, and fail where they depart from the recording",
    }
    recordings = recorder.all()
    models = ", ".join(sorted({recording.model for recording in recordings}))
    count = f"{len(recordings)}" + (f" of {models}" if models else "; save the notebook first")
    return [("Replay", told[recorder.mode]), ("Notebook", recorder.where), ("Recordings", count)]


def _run_again(session: Session, code: str, recorded: ToolFinished) -> None:
    outcome = execute(session.shell, code)
    if outcome.error_name and recorded.status == "succeeded":
        cause = f"{outcome.error_name}: {outcome.error_message}"
        raise AgentError(f"code of the recording failed when it ran again: {cause}")


async def _bodies(core: Core, run: Run) -> list[EventBody]:
    gathered = await core.journal.gather(run.conversation_id, run_id=run.id)
    return [event.body for event in gathered.events]
