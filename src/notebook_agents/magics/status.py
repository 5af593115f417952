"""``%agent`` alone and ``%agent status``: what serves the next prompt, and what that will send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.core.models import EngineHealth
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.magics.environment import engine_place
from notebook_agents.magics.facts import Facts
from notebook_agents.magics.model import model_text
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session

EXAMPLES = (
    "%agent Use python to compute 12345*6789",
    "%agent What is the total revenue by region in data/sales.csv?",
    "%agent sql SELECT status, tool_calls, output_tokens, duration_ms FROM v_runs",
)
LOW_LEVEL_WARNING = "tools run with process isolation — not a sandbox"


def overview(session: Session) -> Waits[Facts]:
    """``%agent`` alone."""
    engine = "not started; the first prompt starts it"
    if session.host.is_used:
        health = yield from until(session.host.submit(lambda core: core.models.health()))
        engine = _engine_text(health)
    return Facts(
        (
            ("Model", model_text(session)),
            ("Engine", engine),
            ("Conversation", _conversation_text(session)),
            ("Help", "%agent help"),
        ),
        EXAMPLES,
    )


def status(session: Session, _argument: str, _options: Options) -> Waits[Facts]:
    """``%agent status``."""
    identity = yield from session.identify(anew=True)
    actor = identity.actor
    conversation_id = "" if session.has_moved else session.conversation_id
    facts = yield from until(session.host.submit(lambda core: _facts(core, actor, conversation_id)))
    sent = [
        _history_text(facts, session.preferences.history),
        _notebook_text(session),
        f"Files: {', '.join(facts.files)}" if facts.files else "no data files in this folder",
    ]
    return Facts(
        (
            ("Model", model_text(session)),
            ("Engine", f"{_engine_text(facts.health)} ({engine_place()})"),
            ("Sandbox", facts.sandbox),
            ("Mode", mode_text(session.mode)),
            ("Conversation", _conversation_text(session)),
            ("Cells", f"recording {session.cells.line}"),
            ("Runs", f"{facts.n_runs} of yours, {facts.n_runs_here} in this conversation"),
            ("Next prompt sends", "; ".join(sent)),
        )
    )


MODE_TEXTS: dict[str, str] = {
    "ask": "ask: what only looks runs, whatever changes something is asked about",
    "auto-edit": "auto-edit: variables and files of this folder may change; else it asks",
    "plan": "plan: only looks, and proposes what to do",
    "full": "⚠ full: nothing is asked about; back with %config AgentMagics.mode = 'ask'",
}


def mode_text(mode: str) -> str:
    """What tools may do without asking."""
    return MODE_TEXTS[mode]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CoreFacts:
    health: EngineHealth
    sandbox: str
    n_runs: int
    n_runs_here: int
    n_asked: int
    """Questions so far in this conversation."""
    files: tuple[str, ...]


async def _facts(core: Core, actor: Actor, conversation_id: str) -> _CoreFacts:
    folder = Path.cwd()
    n_here, n_asked = 0, 0
    if conversation_id:
        n_here = (
            await core.runs.list(actor, ListRuns(conversation_id=conversation_id, limit=1))
        ).total
        nodes = await core.conversations.messages(actor, conversation_id)
        n_asked = sum(node.message.role == "user" for node in nodes)
    return _CoreFacts(
        health=await core.models.health(),
        sandbox=await _sandbox_text(core),
        n_runs=(await core.runs.list(actor, ListRuns(limit=1))).total,
        n_runs_here=n_here,
        n_asked=n_asked,
        files=await Workspaces(folder).listing(str(folder)),
    )


async def _sandbox_text(core: Core) -> str:
    reports = await core.sandbox.levels()
    enforced = [report.level for report in reports if report.is_available]
    missing = [
        f"{report.level} is not available ({report.remedy or ', '.join(report.missing)})"
        for report in reports
        if not report.is_available
    ]
    text = f"enforces {', '.join(enforced)}" if enforced else "none"
    if enforced == ["low"]:
        text += f": {LOW_LEVEL_WARNING}"
    return "; ".join([text, *missing])


def _notebook_text(session: Session) -> str:
    """What the next prompt tells about the variables."""
    told = session.context.told("", session.model)
    capsule = session.context.capsule
    if not capsule.told:
        return told or "nothing about the variables"
    text = f"{len(capsule.told)} variables in {len(told):,} characters"
    left_out = [f"{len(capsule.left_out)} do not fit"] if capsule.left_out else []
    left_out += [f"{capsule.n_secret} are never told"] if capsule.n_secret else []
    return f"{text} ({', '.join(left_out)})" if left_out else text


def _engine_text(health: EngineHealth) -> str:
    loaded = ", ".join(health.loaded_models) or "no model"
    state = f"{health.device}, {loaded} loaded"
    if health.pid is not None:
        state += f", pid {health.pid}"
    if not health.is_ready:
        state = health.detail or "not started; the first prompt starts it"
    return state


def _history_text(facts: _CoreFacts, limit: int | None) -> str:
    n = facts.n_asked if limit is None else min(limit, facts.n_asked)
    text = f"{n} earlier exchange{'' if n == 1 else 's'}"
    if n < facts.n_asked:
        text += f" of {facts.n_asked} (%agent config history={facts.n_asked} sends all)"
    return text


def _conversation_text(session: Session) -> str:
    if not session.conversation_id:
        return "none yet"
    if session.has_moved:
        return "the next prompt begins a new one, because the working folder has changed"
    n = session.n_prompts
    return f"{session.conversation_id}, {n} prompt{'' if n == 1 else 's'} in this kernel"
