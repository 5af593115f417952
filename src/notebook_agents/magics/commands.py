"""The subcommands of ``%agent``: what it knows about itself and what it has recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.magics.errors import AgentError, agent_error, close_to
from notebook_agents.magics.facts import Help
from notebook_agents.magics.options import FLAGS, Command, Options
from notebook_agents.magics.status import overview
from notebook_agents.magics.subcommands import SUBCOMMANDS, subcommand_lines
from notebook_agents.magics.transcript import BUNDLED_BADGE
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    import pandas as pd

    from notebook_agents.magics.session import Session

LOCAL = "local"
"""The provider of models that run on machines of the deployment."""
USAGE = """%agent [flags] text          ask the agent
%%agent [flags]              the text is the cell
%agent SUBCOMMAND            see below; %agent -- text makes any text a prompt
x = %agent text              x.text, x.code, x.tool_calls, x.usage, x.run_id

{name} puts the value of a variable in; a data frame as its columns, types and first rows.
Tools work in a sandbox, on copies of the data frames that your text is about."""


def run_command(session: Session, command: Command) -> Waits[Any]:
    """Serve one subcommand; the value is the cell's value."""
    if command.wants_help:
        return _constant(help_text(command.name))
    if not command.name:
        return _with_core_errors(overview(session))
    row = SUBCOMMANDS[command.name]
    return _with_core_errors(row.serve(session, command.argument, command.options))


def help_text(name: str) -> Help:
    """Help on one subcommand, or on everything."""
    if name and name != "help":
        row = SUBCOMMANDS[name]
        also = f"Also: {', '.join(f'%agent {word}' for word in row.aliases)}" if row.aliases else ""
        parts = (f"%agent {name}", row.about, row.more.strip("\n"), also)
        return Help("\n\n".join(filter(None, parts)))
    names = [", ".join(flag.names) for flag in FLAGS]
    width = max(map(len, names)) + 2
    flags = "\n".join(
        f"  {name:<{width}}{flag.settings['help'].replace('%%', '%')}"
        for name, flag in zip(names, FLAGS, strict=True)
    )
    return Help(
        f"{USAGE}\n\nSubcommands:\n{subcommand_lines()}\n\nFlags, before the text:\n{flags}"
    )


def version(_session: Session, _argument: str, _options: Options) -> Waits[Help]:
    """``%agent version``."""
    import notebook_agents

    return _constant(Help(f"notebook-agents {notebook_agents.__version__}"))


def show_help(_session: Session, name: str, _options: Options) -> Waits[Help]:
    """``%agent help``."""
    return _constant(help_text(name))


def _constant(value: Any) -> Waits[Any]:
    return value
    yield


def _with_core_errors(waits: Waits[Any]) -> Waits[Any]:
    try:
        return (yield from waits)
    except NotebookAgentsError as error:
        raise agent_error(error) from error


def reset(session: Session, _argument: str, _options: Options) -> Waits[Help]:
    """``%agent reset``."""
    session.reset()
    return _constant(Help("A new conversation begins with the next prompt."))


def stop(session: Session, _argument: str, _options: Options) -> Waits[Help]:
    """``%agent stop``."""
    if not session.host.is_used:
        return Help("Nothing runs.")
    actor = (yield from session.identify()).actor
    stopped = yield from until(session.host.submit(lambda core: core.runs.cancel_here(actor)))
    kept = "; what was written so far is kept"
    return Help(f"Stopped {len(stopped)}{kept}." if stopped else "Nothing runs.")


def models(session: Session, provider: str, _options: Options) -> Waits[pd.DataFrame]:
    """``%agent list [PROVIDER]``."""
    infos = yield from until(session.host.submit(lambda core: core.models.list()))
    session.known_models = [info.id for info in infos]
    session.known_providers = providers = sorted({info.provider or LOCAL for info in infos})
    if provider and provider not in providers:
        near = close_to(provider, providers)
        hint = f"did you mean {near}? " if near else ""
        known = f"known: {', '.join(providers)}"
        raise AgentError(
            f"no provider {provider!r} is set up here; {hint}{known}; a key in the environment or"
            " a server's setting adds one, see docs/models.md; to send it as a prompt:"
            f" %agent -- list {provider}"
        )
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "provider": info.provider or LOCAL,
                "model": info.id,
                "status": info.status,
                "parameters": info.n_parameters,
                "context": info.context_length,
                "can": ", ".join(info.capabilities),
                "about": info.description or (BUNDLED_BADGE if info.is_bundled else ""),
            }
            for info in sorted(infos, key=lambda info: info.provider)
            if provider in ("", info.provider or LOCAL)
        ]
    )


def tools(session: Session, _argument: str, _options: Options) -> Waits[pd.DataFrame]:
    """``%agent tools``."""
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
