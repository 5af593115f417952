"""The subcommands of ``%agent``: what it knows about itself and what it has recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.models import EngineHealth
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.magics.context import frames_line
from notebook_agents.magics.errors import AgentError, agent_error
from notebook_agents.magics.facts import Facts, Help
from notebook_agents.magics.model import choose_model, model_text
from notebook_agents.magics.options import (
    FLAGS,
    SUBCOMMANDS,
    TASK_VERBS,
    Command,
    subcommand_lines,
)
from notebook_agents.magics.settings import engine_place
from notebook_agents.magics.tasks import task_command
from notebook_agents.magics.transcript import BUNDLED_BADGE
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.magics.session import Session

EXAMPLES = (
    "%agent Use python to compute 12345*6789",
    "%agent What is the total revenue by region in data/sales.csv?",
    "%agent sql SELECT status, tool_calls, output_tokens, duration_ms FROM v_runs",
)
MORE_HELP = {
    "sql": """

Views: v_runs, v_tools, v_run_timeline. Read-only.

  %agent sql SELECT model, count(*) AS runs FROM v_runs GROUP BY model
  %agent sql -o df SELECT * FROM v_tools    (also bound to df)""",
    "model": """

  %agent model            what answers now, and what else there is
  %agent model NAME       NAME answers from now on, in this kernel
  %agent model default    the model of the notebook's agent again

%agent reset keeps the choice; -m NAME asks another model for one prompt.""",
    "task": "\n\n"
    + "\n".join(f"  {verb:<11}{about}" for verb, about in TASK_VERBS.items())
    + """

  %agent task create Daily What is the total revenue in {{file}}?
  %agent task run Daily file=data/sales.csv
  %agent task schedule Daily 0 9 * * MON-FRI Europe/Berlin

A name with spaces stands in quotes. What is scheduled runs in a server, browser or not.""",
}
"""What else there is to say of a subcommand."""

LOW_LEVEL_WARNING = "tools run with process isolation — not a sandbox"


def run_command(session: Session, command: Command, usage: str) -> Waits[Any]:
    """Serve one subcommand; the value is the cell's value."""
    if command.wants_help:
        return _constant(help_text(command.name, usage))
    handlers: dict[str, Callable[[], Waits[Any]]] = {
        "": lambda: _overview(session),
        "help": lambda: _constant(help_text(command.argument, usage)),
        "version": lambda: _constant(version_text()),
        "reset": lambda: _reset(session),
        "status": lambda: _status(session),
        "model": lambda: choose_model(session, command.argument),
        "models": lambda: _models(session),
        "tools": lambda: _tools(session),
        "task": lambda: task_command(session, command.argument),
        "sql": lambda: _sql(session, command.argument),
    }
    return _with_core_errors(handlers[command.name]())


def help_text(name: str, usage: str) -> Help:
    """Help on one subcommand, or on everything."""
    if name and name != "help":
        return Help(f"%agent {name}\n\n{SUBCOMMANDS[name]}{MORE_HELP.get(name, '')}")
    flags = "\n".join(
        f"  {', '.join(flag.names):<20}{flag.settings['help'].replace('%%', '%')}" for flag in FLAGS
    )
    return Help(
        f"{usage}\n\nSubcommands:\n{subcommand_lines()}\n\nFlags, before the text:\n{flags}"
    )


def version_text() -> Help:
    """The installed version."""
    import notebook_agents

    return Help(f"notebook-agents {notebook_agents.__version__}")


def _constant(value: Any) -> Waits[Any]:
    return value
    yield


def _with_core_errors(waits: Waits[Any]) -> Waits[Any]:
    try:
        return (yield from waits)
    except NotebookAgentsError as error:
        raise agent_error(error) from error


def _overview(session: Session) -> Waits[Facts]:
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


def _reset(session: Session) -> Waits[Help]:
    session.reset()
    return _constant(Help("A new conversation begins with the next prompt."))


def _status(session: Session) -> Waits[Facts]:
    identity = yield from session.identify(anew=True)
    actor = identity.actor
    conversation_id = "" if session.has_moved else session.conversation_id
    facts = yield from until(session.host.submit(lambda core: _facts(core, actor, conversation_id)))
    sent = [
        f"{facts.n_messages} earlier messages",
        frames_line(session.namespace) or "no data frames",
        f"Files: {', '.join(facts.files)}" if facts.files else "no data files in this folder",
    ]
    return Facts(
        (
            ("Model", model_text(session)),
            ("Engine", f"{_engine_text(facts.health)} ({engine_place()})"),
            ("Sandbox", facts.sandbox),
            ("Conversation", _conversation_text(session)),
            ("Runs", f"{facts.n_runs} of yours, {facts.n_runs_here} in this conversation"),
            ("Next prompt sends", "; ".join(sent)),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CoreFacts:
    health: EngineHealth
    sandbox: str
    n_runs: int
    n_runs_here: int
    n_messages: int
    files: tuple[str, ...]


async def _facts(core: Core, actor: Actor, conversation_id: str) -> _CoreFacts:
    folder = Path.cwd()
    n_here, n_messages = 0, 0
    if conversation_id:
        n_here = (
            await core.runs.list(actor, ListRuns(conversation_id=conversation_id, limit=1))
        ).total
        n_messages = len(await core.conversations.messages(actor, conversation_id))
    return _CoreFacts(
        health=await core.models.health(),
        sandbox=await _sandbox_text(core),
        n_runs=(await core.runs.list(actor, ListRuns(limit=1))).total,
        n_runs_here=n_here,
        n_messages=n_messages,
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


def _engine_text(health: EngineHealth) -> str:
    loaded = ", ".join(health.loaded_models) or "no model"
    state = f"{health.device}, {loaded} loaded"
    if health.pid is not None:
        state += f", pid {health.pid}"
    if not health.is_ready:
        state = health.detail or "not started; the first prompt starts it"
    return state


def _conversation_text(session: Session) -> str:
    if not session.conversation_id:
        return "none yet"
    if session.has_moved:
        return "the next prompt begins a new one, because the working folder has changed"
    return f"{session.conversation_id}, {session.n_prompts} prompts in this kernel"


def _models(session: Session) -> Waits[pd.DataFrame]:
    infos = yield from until(session.host.submit(lambda core: core.models.list()))
    session.known_models = [info.id for info in infos]
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "model": info.id,
                "status": info.status,
                "parameters": info.n_parameters,
                "context": info.context_length,
                "can": ", ".join(info.capabilities),
                "about": info.description or (BUNDLED_BADGE if info.is_bundled else ""),
            }
            for info in infos
        ]
    )


def _tools(session: Session) -> Waits[pd.DataFrame]:
    actor = (yield from session.identify()).actor
    specs = yield from until(session.host.submit(lambda core: core.tools.specs_for(actor)))
    session.known_tools = [spec.name for spec in specs]
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "tool": spec.name,
                "does": spec.description.split("\n")[0],
                "effect": spec.effect,
                "sandbox": spec.security_level,
                "timeout_s": spec.timeout_s,
            }
            for spec in specs
        ]
    )


def _sql(session: Session, query: str) -> Waits[pd.DataFrame]:
    if not query:
        raise AgentError("%agent sql needs a query; try: %agent sql SELECT * FROM v_runs")
    identity = yield from session.identify()
    owner_id = identity.actor.user_id
    table = yield from until(
        session.host.submit(lambda core: core.analytics.query(query, owner_id=owner_id))
    )
    import pandas as pd

    return pd.DataFrame(list(table.rows), columns=list(table.columns))
