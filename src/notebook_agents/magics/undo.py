"""``%agent undo``: takes back what agents changed in the variables and files of a notebook.

The checkpoints are the kernel's (``live/checkpoints.py``); here they are told of by commands, by
answers and by events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.events import CheckpointMade, RunUndone
from notebook_agents.core.journal import Source
from notebook_agents.core.runs import ListRuns, Run
from notebook_agents.live.checkpoints_calls import CallCheckpoints
from notebook_agents.live.checkpoints_changes import Cause, Change, Undone, listed
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.facts import Help
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.transcript import Transcript

NOTHING = (
    "Nothing to undo: no agent has changed a variable or a file here since the kernel started."
)
NOTHING_TO_REDO = "Nothing to redo: nothing was undone since the last change."
FORMER_STAYS = (
    "Left alone, as an earlier session of a kernel made it in this folder:\n{changes}\n"
    "To take back its files all the same: %agent undo --force"
)
TO_UNDO = "to take that back"
USAGE = "%agent undo takes a number, --list, --redo or --force; see: %agent undo --help"
WRITERS = frozenset({"python_executor", "shell", "file_writer", "file_editor"})
"""Tools of the sandbox that can write files."""
_MB = 1 << 20


def notebook_checkpoints(session: Session) -> CallCheckpoints:
    """The checkpoints of a kernel, which record events and keep to the person's limits."""
    from notebook_agents.build import default_home

    checkpoints = CallCheckpoints(lambda: session.namespace, default_home())
    preferences = session.preferences

    def limit(_change: Any = None) -> None:
        checkpoints.limits.run_bytes = preferences.undo_run_mb * _MB
        checkpoints.limits.total_bytes = preferences.undo_total_mb * _MB

    limit()
    preferences.observe(limit, names=["undo_run_mb", "undo_total_mb"])
    checkpoints.on_made = lambda change: _record(session, _made(change), change.cause)
    return checkpoints


def undo(session: Session, argument: str, _options: Options) -> Waits[Help]:
    """``%agent undo``."""
    count, switches = _read(argument)
    checkpoints, note = session.checkpoints, ""
    if "--list" in switches:
        return Help(_listing(checkpoints))
    if "--redo" in switches:
        redone = checkpoints.redo(is_forced="--force" in switches)
        done = [redone] if redone is not None else []
    else:
        changes = checkpoints.history()[:count]
        former = [] if "--force" in switches else [c for c in changes if c.is_former]
        changes = [change for change in changes if change not in former]
        done = [checkpoints.undo(change, is_forced="--force" in switches) for change in changes]
        if former:
            note = FORMER_STAYS.format(changes="\n".join(f"  {change.line}" for change in former))
    if not done:
        return Help(note or (NOTHING_TO_REDO if "--redo" in switches else NOTHING))
    yield from session.identify()
    for undone in done:
        _record(session, _undone(undone), undone.cause)
    return Help("\n".join(filter(None, (report(done), note))))


def undo_answer(session: Session, run: Run, *, is_forced: bool) -> Help:
    """What ``answer.undo()`` does: takes back all that the run's tool calls changed."""
    changes = session.checkpoints.of_calls({call.id for call in run.tool_calls} | {run.id})
    done = [session.checkpoints.undo(change, is_forced=is_forced) for change in changes]
    for undone in done:
        _record(session, _undone(undone), undone.cause)
    return Help(report(done) if done else "Nothing to undo: this run changed nothing here.")


def report(done: list[Undone]) -> str:
    """What was put back, and what was not."""
    return "\n".join(line for undone in done for line in undone.lines)


def told(session: Session, transcript: Transcript, waits: Waits[Run]) -> Waits[Run]:
    """Play a run, and say below it what it changed that can be taken back."""
    n_before = session.checkpoints.n_made
    try:
        return (yield from _guarded(session, waits))
    finally:
        made = session.checkpoints.since(n_before)
        if made:
            changes = "; then ".join(str(change.changes) for change in made)
            how = "%agent undo" if len(made) == 1 else f"%agent undo {len(made)}"
            transcript.note(f"{changes} ({TO_UNDO}: {how})")


def _guarded(session: Session, waits: Waits[Run]) -> Waits[Run]:
    """Keep the folder's files during a run whose sandbox does not keep tools from writing there."""
    try:
        level = yield from until(session.host.submit(lambda core: core.tools.resolve("low")))
    except NotebookAgentsError:
        level = "medium"
    if level != "low":
        return (yield from waits)
    cause = Cause(conversation_id=session.conversation_id, tool="sandbox")
    with session.checkpoints.around_files(cause) as work:
        # A run that is stopped or fails leaves the reason unknown; what it wrote counts.
        run = yield from waits
        used = [call.name for call in run.tool_calls if call.name in WRITERS]
        work.cause = Cause(
            conversation_id=run.conversation_id,
            run_id=run.id,
            call_id=run.id,
            tool=listed(dict.fromkeys(used)),
        )
        work.is_wanted = bool(used)
    return run


def _read(argument: str) -> tuple[int, set[str]]:
    """How many changes, and the switches."""
    words = argument.split()
    switches = {word for word in words if word.startswith("--")}
    numbers = [word for word in words if word not in switches]
    is_known = switches <= {"--list", "--redo", "--force"}
    if not is_known or len(numbers) > 1 or any(not word.isdecimal() for word in numbers):
        raise AgentError(USAGE)
    if numbers and ("--list" in switches or "--redo" in switches or int(numbers[0]) < 1):
        raise AgentError(USAGE)
    return (int(numbers[0]) if numbers else 1), switches


def _listing(checkpoints: CallCheckpoints) -> str:
    changes = checkpoints.history()
    if not changes:
        return NOTHING
    lines = [change.line for change in changes if not change.is_former]
    former = [change.line for change in changes if change.is_former]
    if checkpoints.n_dropped:
        lines.append(
            f"{checkpoints.n_dropped} older ones were given up for want of room"
            " (%config AgentMagics.undo_total_mb)"
        )
    if lines:
        lines.insert(0, "Newest first; %agent undo takes back the first, %agent undo 2 two:")
    if former:
        lines += ["Files of earlier sessions, which %agent undo --force takes back:", *former]
    return "\n".join(lines)


def _made(change: Change) -> CheckpointMade:
    changes = change.changes
    return CheckpointMade(
        number=change.number,
        name=change.cause.tool,
        call_id=change.cause.call_id,
        added=changes.added,
        changed=changes.changed,
        removed=changes.removed,
        files=tuple(entry.path for entry in change.files),
        cells=changes.cells,
        unsaved=tuple(entry.name for entry in change.unsaved),
        size_bytes=change.size_bytes,
    )


def _undone(undone: Undone) -> RunUndone:
    return RunUndone(
        number=undone.number,
        call_id=undone.cause.call_id,
        status="redone" if undone.verb == "redone" else "undone",
        restored=tuple(undone.restored),
        removed=tuple(undone.removed),
        files=tuple(undone.files),
        conflicts=tuple(undone.conflicts),
        failures=tuple(undone.failures),
    )


def _record(session: Session, body: CheckpointMade | RunUndone, cause: Cause) -> None:
    """Let the core record it, soon: whoever works with variables does not wait for that."""
    actor = session.actor
    if actor is not None:
        session.host.submit(lambda core: _keep(core, actor, body, cause))


async def _keep(core: Core, actor: Actor, body: CheckpointMade | RunUndone, cause: Cause) -> None:
    run_id = cause.run_id
    if not run_id and cause.conversation_id:
        runs = await core.runs.list(actor, ListRuns(conversation_id=cause.conversation_id))
        # The call of a run that still works is not among its calls yet; that run is the newest.
        made = [run for run in runs.items if any(c.id == cause.call_id for c in run.tool_calls)]
        run_id = next((run.id for run in (*made, *runs.items)), "")
    source = Source(
        user_id=actor.user_id,
        dialect=actor.dialect,
        conversation_id=cause.conversation_id,
        run_id=run_id,
    )
    core.journal.record(body, source)
