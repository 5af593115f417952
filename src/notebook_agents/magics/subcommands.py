"""What ``%agent`` can be told to do beside asking: one row for each subcommand.

A new one is a row here and a function in the file of its noun. The function is a generator of waits
that takes the session, the text after the word and the options; its value is the cell's.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.waiting import Waits

Takes = Literal["nothing", "name", "text"]

TASK_VERBS: dict[str, str] = {
    "list": "the tasks, and when they run by themselves",
    "create": "NAME PROMPT: save a prompt; {{name}} in it is a variable",
    "show": "NAME: the task and its variables",
    "run": "NAME [name=value …]: run it now and show what happens",
    "schedule": "NAME CRON [ZONE] [name=value …]: run it by itself, in a server",
    "unschedule": "NAME: run it only when somebody asks",
    "next": "NAME [COUNT]: when it runs next",
    "pause": "NAME: leave its times out until resume",
    "resume": "NAME: go on with the next time",
    "executions": "NAME: how often it ran, and how that ended",
    "notebook": "NAME: the notebook of the newest execution, or of one by its id",
    "cancel": "NAME: end the newest execution, or one by its id",
    "delete": "NAME: forget the task and what its executions made",
}
"""What ``%agent task`` does; a name with spaces stands in quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subcommand:
    """One word after ``%agent``."""

    about: str
    """One line; where the word takes something, that first."""
    handler: str
    """``module:function`` in this package."""
    aliases: tuple[str, ...] = ()
    """Other words for it, reserved as well."""
    switches: tuple[str, ...] = ()
    """Flags of its own; a text that begins with one is left to the handler as it is."""
    takes: Takes = "nothing"
    """What may follow: nothing, one name that may stand in quotes, or any text."""
    more: str = ""
    """What ``--help`` says beyond the line."""

    def serve(self, session: Session, argument: str, options: Options) -> Waits[Any]:
        """Do it; the value is the cell's."""
        module, _, function = self.handler.partition(":")
        serve = getattr(import_module(f"notebook_agents.magics.{module}"), function)
        waits: Waits[Any] = serve(session, argument, options)
        return waits


SUBCOMMANDS: dict[str, Subcommand] = {
    "sql": Subcommand(
        about="SELECT …: query everything that was recorded, as a DataFrame",
        handler="commands:sql",
        takes="text",
        more="""
Views: v_runs, v_tools, v_run_timeline. Read-only.

  %agent sql SELECT model, count(*) AS runs FROM v_runs GROUP BY model
  %agent sql -o df SELECT * FROM v_tools    (also bound to df)""",
    ),
    "status": Subcommand(
        about="model, engine, sandbox, conversation, and what the next prompt will send",
        handler="status:status",
    ),
    "model": Subcommand(
        about="[NAME]: the model that answers in this notebook, or another one from now on",
        handler="model:choose_model",
        takes="name",
        more="""
  %agent model            what answers now, and what else there is
  %agent model NAME       NAME answers from now on, in this kernel
  %agent model default    the model of the notebook's agent again

%agent reset keeps the choice; -m NAME asks another model for one prompt.""",
    ),
    "models": Subcommand(
        about="the models there are, for %agent model NAME and -m", handler="commands:models"
    ),
    "tools": Subcommand(about="the tools an agent can call", handler="commands:tools"),
    "task": Subcommand(
        about="VERB …: saved prompts that run when you, or the clock, say so",
        handler="tasks:task_command",
        takes="text",
        more="\n".join(f"  {verb:<11}{about}" for verb, about in TASK_VERBS.items())
        + """

  %agent task create Daily What is the total revenue in {{file}}?
  %agent task run Daily file=data/sales.csv
  %agent task schedule Daily 0 9 * * MON-FRI Europe/Berlin

A name with spaces stands in quotes. What is scheduled runs in a server, browser or not.""",
    ),
    "replay": Subcommand(
        about="[off | PATH]: answer prompts from their recordings in the notebook, without a model",
        handler="replay:replay",
        takes="text",
        switches=("--verify",),
        more="""
  %agent replay             from now on, from the recordings of this notebook as it is saved
  %agent replay PATH        from those of another notebook
  %agent replay --verify    ask live, and fail where the answer departs from the recording
  %agent replay off         ask live again
  %agent replay status      the mode, and how much is recorded

For a whole process: NOTEBOOK_AGENTS_REPLAY=1, =verify, or the path of a notebook. Every prompt is
recorded with the output of its cell; code it ran in the notebook runs again.""",
    ),
    "reset": Subcommand(
        about="forget the conversation and start a new one", handler="commands:reset"
    ),
    "version": Subcommand(about="the installed version", handler="commands:version"),
    "help": Subcommand(
        about="this help, or: %agent help SUBCOMMAND", handler="commands:show_help", takes="text"
    ),
}
"""Reserved words; ``--`` in front makes them part of a prompt."""

WORDS: dict[str, str] = {
    word: name for name, row in SUBCOMMANDS.items() for word in (name, *row.aliases)
}
"""Every reserved word, aliases too, and the subcommand that it stands for."""


def subcommand_lines() -> str:
    """Every subcommand and what it is for."""
    return "\n".join(f"  {name:<9}{row.about}" for name, row in SUBCOMMANDS.items())
