"""``%agent dashboard`` and ``%agent inspect``: panels that show what was recorded."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.errors import AgentError

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.waiting import Waits

SWITCHES = {
    "--days": "days",
    "--model": "model",
    "-m": "model",
    "--source": "source",
    "--notebook": "notebook",
    "--agent": "agent",
    "--user": "user",
}
FLAGS = {"--live": "live", "--everybody": "everybody"}
USAGE = (
    "%agent dashboard [--days N] [--model NAME] [--source NAME] [--notebook NAME] [--agent ID]"
    " [--live] [--everybody] [--user NAME]"
)
EVERYTHING = "all"


def dashboard(session: Session, argument: str, _options: Options) -> Waits[Any]:
    """``%agent dashboard``."""
    wished: dict[str, Any] = _read(argument)
    yield from session.identify()
    from notebook_agents.widgets.dashboard import Dashboard, filters_of

    flags = {name: wished.pop(name, False) for name in FLAGS.values()}
    return Dashboard(session, filters_of(**wished), **flags)


def inspect(session: Session, run_id: str, _options: Options) -> Waits[Any]:
    """``%agent inspect [RUN]``."""
    yield from session.identify()
    if run_id in session.shell.user_ns:
        raise AgentError(
            f"{run_id!r} is a variable, and %agent inspect shows runs; to ask about it:"
            f" %agent -- inspect {run_id}"
        )
    from notebook_agents.widgets.run_inspector import RunInspector

    return RunInspector(session, run_id)


def _read(argument: str) -> dict[str, Any]:
    try:
        words = shlex.split(argument.replace("=", " "))
    except ValueError as error:
        raise AgentError(f"{argument!r} cannot be read: {error}") from None
    wished: dict[str, Any] = {}
    while words:
        switch = words.pop(0)
        if switch in FLAGS:
            wished[FLAGS[switch]] = True
            continue
        if switch not in SWITCHES:
            raise AgentError(f"%agent dashboard knows no {switch!r}; usage: {USAGE}")
        if not words:
            raise AgentError(f"{switch} needs a value; usage: {USAGE}")
        wished[SWITCHES[switch]] = words.pop(0)
    if "days" in wished:
        wished["days"] = _days(wished["days"])
    return wished


def _days(text: str) -> float | None:
    if text == EVERYTHING:
        return None
    try:
        return float(text)
    except ValueError:
        raise AgentError(f"--days takes a number or 'all', not {text!r}") from None
