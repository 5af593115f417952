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
    "create": "NAME PROMPT|FILE.ipynb: save a prompt, or a notebook; {{name}} is a variable",
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

DASHBOARD_VALUES = ("--days", "--model", "-m", "--source", "--notebook", "--agent", "--user")
"""Switches of ``%agent dashboard`` that take a value."""


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
    """Flags of its own, which are left to the handler as they are, in front of the text."""
    valued: tuple[str, ...] = ()
    """Those of them that take a value."""
    completes: str = ""
    """What the Tab key offers behind it: a kind of names that `completion.py` knows."""
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
        about="[NAME <<] SELECT …: query everything that was recorded, as a DataFrame",
        handler="sql:sql",
        switches=("--explain", "--views"),
        takes="text",
        more="""
Views of runs, tools, cost, errors, users and more: --views says what each shows, DESCRIBE its
columns; the Tab key knows both. In a cell of its own: %%agent_sql, with the query below.

  %agent sql SELECT model, count(*) AS runs FROM v_runs GROUP BY model
  %agent sql --views                           (what there is to read, and what it shows)
  %agent sql DESCRIBE v_runs
  %agent sql SELECT * FROM v_runs WHERE started > $since    ($since: your variable of that name)
  %agent sql tools << SELECT * FROM v_tools    (kept in tools, not shown)
  %agent sql -o df SELECT * FROM v_tools       (shown, and kept in df)
  %agent sql --explain SELECT * FROM v_tools   (how it would be done; nothing is read)""",
    ),
    "status": Subcommand(
        about="model, engine, sandbox, conversation, and what the next prompt will send",
        handler="status:status",
        more="""
  %agent status    also says whether the engine runs and which sandbox levels there are""",
    ),
    "model": Subcommand(
        about="[NAME]: the model that answers in this notebook, or another one from now on",
        handler="model:choose_model",
        completes="choices",
        takes="name",
        more="""
  %agent model            what answers now, and what else there is
  %agent model NAME       NAME answers from now on, in this kernel
  %agent model default    the model of the notebook's agent again

%agent reset keeps the choice; -m NAME asks another model for one prompt.""",
    ),
    "list": Subcommand(
        about="[PROVIDER]: the models there are, by provider, for %agent model NAME and -m",
        handler="commands:models",
        aliases=("models",),
        completes="providers",
        takes="name",
        more="""
  %agent list          all of them
  %agent list local    those that run on machines of yours
  %agent list openai   those of one provider""",
    ),
    "chat": Subcommand(
        about="[AGENT]: a chat panel in this cell; run again, it goes on where it was left",
        handler="chat:open_chat",
        takes="name",
        more="""
  %agent chat             with the notebook's agent
  %agent chat analyst     with another one

In Python: notebook_agents.chat("analyst", model=…, conversation=…, mode=…)""",
    ),
    "tools": Subcommand(
        about="the tools an agent can call",
        handler="commands:tools",
        more="""
  %agent tools
  %agent --tools file_reader,database_query What is in sales.csv?
  %agent /python_executor code=1+1    (call one yourself)""",
    ),
    "alias": Subcommand(
        about="[NAME MODEL]: the short names of models, or one more; kept in your profile",
        handler="aliases:alias",
        completes="models",
        takes="text",
        more="""
  %agent alias small Qwen/Qwen2.5-0.5B-Instruct
  %agent -m small What is a monad?
  %agent alias           (all of them)""",
    ),
    "dealias": Subcommand(
        about="NAME: forget the short name of a model",
        handler="aliases:dealias",
        completes="aliases",
        takes="name",
        more="""
  %agent dealias small""",
    ),
    "config": Subcommand(
        about="[NAME=VALUE]: how %agent behaves where no flag says so, or a change of it",
        handler="config:config",
        completes="settings",
        takes="text",
        more="""
  %agent config                    every setting, its value, and who says so
  %agent config temperature=0.2    from now on, in this kernel

A flag comes first, then %agent config and %config AgentMagics.temperature = 0.2, then a file such
as ipython_config.py, then NOTEBOOK_AGENTS_MAGIC_TEMPERATURE of the environment.""",
    ),
    "history": Subcommand(
        about="[N|ID|--all]: what was said in this conversation, or in another",
        handler="conversations:history",
        switches=("--all",),
        takes="text",
        more="""
  %agent history             this conversation
  %agent history 2           its last two questions with their answers
  %agent history --all       your conversations, the newest first
  %agent history 4f0c98a2    the one whose id ends so""",
    ),
    "resume": Subcommand(
        about="[ID]: go on with an earlier conversation, such as yesterday's",
        handler="conversations:resume",
        takes="name",
        more="""
  %agent resume             the last one of this folder
  %agent resume 4f0c98a2    the one whose id ends so; %agent history --all lists them""",
    ),
    "save": Subcommand(
        about="PATH: this conversation as a file: .md, .ipynb, .html, .pdf, or .json to load again",
        handler="conversation_files:save",
        completes="paths",
        switches=("--force",),
        takes="text",
        more="""
  %agent save talk.md
  %agent save talk.json
  %agent save --force talk.md    (replaces the file)""",
    ),
    "load": Subcommand(
        about="PATH: begin a new conversation with the messages of a saved .json file",
        handler="conversation_files:load",
        completes="paths",
        takes="text",
        more="""
  %agent load talk.json""",
    ),
    "cost": Subcommand(
        about="tokens and money, and calls of unknown price: this conversation, today, by model",
        handler="cost:cost",
        aliases=("usage",),
        more="""
  %agent cost
  %agent cost -o spent    (also bound to spent)

cost_usd is the sum where prices are known, uncosted_calls how many calls are not in it.""",
    ),
    "budget": Subcommand(
        about="[day | month] [AMOUNT | off]: what you mean to spend; runs warn at 80 and 100 %",
        handler="budget:budget",
        completes="budget",
        takes="text",
        more="""
  %agent budget             what is spent of it, in US dollars
  %agent budget 5           five dollars a day (UTC)
  %agent budget month 50
  %agent budget month off   no budget for the month any more

It stops nothing. Calls whose price nobody knows are counted apart, as uncosted_calls.""",
    ),
    "stop": Subcommand(
        about="stop whatever runs in this kernel, in a chat panel too",
        handler="commands:stop",
        more="""
  %agent stop    a prompt in a cell is stopped with ■ or Ctrl-C""",
    ),
    "dashboard": Subcommand(
        about="[--days N] [--model NAME] [--live]: runs, tokens, time, tools, errors and cost",
        handler="panels:dashboard",
        switches=(*DASHBOARD_VALUES, "--live", "--everybody"),
        valued=DASHBOARD_VALUES,
        takes="text",
        more="""
  %agent dashboard               the last 7 days
  %agent dashboard --days 30     or --days all
  %agent dashboard --source schedule
  %agent dashboard --notebook sales.ipynb --live
  %agent dashboard --everybody   for administrators

Every chart shows its table, its numbers as CSV or Parquet, and its query, which can be changed.
As an object:
notebook_agents.dashboard(days=7).""",
    ),
    "record": Subcommand(
        about="[on | off | status]: keep time, memory and errors of this notebook's own cells",
        handler="recording:record",
        completes="switch",
        takes="name",
        more="""
  %agent record on        from the next cell on, in this kernel
  %agent record status    whether it is on, and how many cells it has kept
  %agent record off

Never recorded: the text of a cell, its outputs, the words of an error. What it is good for:
which cells broke after an agent's run, and what that run cost: %agent sql SELECT * FROM v_cells""",
    ),
    "inspect": Subcommand(
        about="[RUN]: a run as a timeline, event by event; by default the last one",
        handler="panels:inspect",
        takes="name",
        more="""
  %agent inspect           the last answer
  %agent inspect 0198a2    the run whose id begins so; answer.inspect() does the same""",
    ),
    "task": Subcommand(
        about="VERB …: saved prompts that run when you, or the clock, say so",
        handler="tasks:task_command",
        completes="tasks",
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
    "fix": Subcommand(
        about="[N]: a corrected version of the last cell that failed, or of cell N; never runs it",
        handler="fix:fix",
        takes="name",
        more="""
  %agent fix      the last error
  %agent fix 5    the error of cell 5

The model is sent the cell, the traceback and the types of the variables in it. Alone in a cell,
%agent fix is replaced by the corrected code; otherwise that comes into a cell below.""",
    ),
    "undo": Subcommand(
        about="[N | --list | --redo]: take back what agents changed in variables and files",
        handler="undo:undo",
        takes="text",
        switches=("--list", "--redo", "--force"),
        more="""
  %agent undo            the last change
  %agent undo 3          the last three
  %agent undo --list     what can be taken back, newest first
  %agent undo --force    also where you have changed something since, which is lost
  %agent undo --redo     take the last undo back

What cannot be taken back is named: before you allow a call, and here. See docs/undo.md.""",
    ),
    "reset": Subcommand(
        about="forget the conversation and start a new one",
        handler="commands:reset",
        aliases=("clear", "new"),
        more="""
  %agent reset    the old one stays on record: %agent history --all""",
    ),
    "version": Subcommand(
        about="the installed version",
        handler="commands:version",
        more="""
  %agent version""",
    ),
    "help": Subcommand(
        about="[SUBCOMMAND]: this help, or that of a subcommand",
        handler="commands:show_help",
        completes="subcommands",
        takes="text",
        more="""
  %agent help
  %agent help save""",
    ),
}
"""Reserved words; ``--`` in front makes them part of a prompt."""

WORDS: dict[str, str] = {
    word: name for name, row in SUBCOMMANDS.items() for word in (name, *row.aliases)
}
"""Every reserved word, aliases too, and the subcommand that it stands for."""


def subcommand_lines() -> str:
    """Every subcommand and what it is for."""
    width = max(map(len, SUBCOMMANDS)) + 2
    return "\n".join(f"  {name:<{width}}{row.about}" for name, row in SUBCOMMANDS.items())
