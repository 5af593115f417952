"""The flags of ``%agent``: one row each, and the options that they become.

A new flag is a row in `FLAGS`, a field of `Options` and its line in `options_of`. None in an option
means that nobody said anything: then ``%config AgentMagics`` decides, then the agent.
"""

from __future__ import annotations

import builtins
import keyword
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, get_args

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from notebook_agents.magics.errors import AgentError

Approval = Literal["default", "ask", "auto-edit", "plan", "full", "yes"]
APPROVALS: tuple[Approval, ...] = ("ask", "auto-edit", "plan", "full", "yes")
"""One flag each; at most one may be given."""
Format = Literal["markdown", "text", "code", "json", "html", "math"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of one request; None takes the default of the agent."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_steps: int | None = None
    history: int | None = None
    """Earlier questions that are sent along."""
    persona: str | None = None
    system: str | None = None
    """Instructions of this prompt."""
    format: Format | None = None
    out: str = ""
    is_streaming: bool = True
    tools: tuple[str, ...] | None = None
    approval: Approval = "default"
    live: bool = False
    """Whether ``python_executor`` runs in the notebook itself."""
    show_context: bool = False
    """Whether nothing is sent, and what would be is shown."""
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as argparse and the reader of the line both need it."""

    names: tuple[str, ...]
    settings: dict[str, Any]
    bounds: tuple[float, float | None] | None = None
    """Smallest and greatest value."""
    completes: str = ""
    """What the Tab key offers as its value: a kind of names that `completion.py` knows."""

    @property
    def takes_value(self) -> bool:
        """Whether the next word belongs to the flag."""
        return self.settings.get("action") != "store_true"


FLAGS: tuple[Flag, ...] = (
    Flag(
        ("-m", "--model"),
        {"help": "Model for this prompt, or its alias (%%agent list has them)."},
        completes="models",
    ),
    Flag(
        ("-t", "--temperature"),
        {"type": float, "help": "Randomness, 0 (always the likeliest word) to 2."},
        (0, 2),
    ),
    Flag(("--max-tokens",), {"type": int, "help": "Longest answer, in tokens."}, (1, None)),
    Flag(
        ("-o", "--out"), {"metavar": "VAR", "default": "", "help": "Also bind the result to VAR."}
    ),
    Flag(
        ("--no-stream",),
        {"action": "store_true", "help": "Show the answer only when it is complete."},
    ),
    Flag(
        ("-f", "--format"),
        {"choices": FORMATS, "help": f"Form of the answer: {', '.join(FORMATS)}."},
    ),
    Flag(
        ("-p", "--persona"),
        {"help": "Persona whose instructions this prompt has."},
        completes="personas",
    ),
    Flag(("--system",), {"metavar": "TEXT", "help": "Instructions for this prompt, in quotes."}),
    Flag(
        ("--history",),
        {"type": int, "metavar": "N", "help": "Send N earlier questions with their answers."},
        (0, None),
    ),
    Flag(("--no-history",), {"action": "store_true", "help": "Send no earlier question."}),
    Flag(
        ("--max-steps",),
        {"type": int, "metavar": "N", "help": "Most model steps, with tool calls in between."},
        (1, None),
    ),
    Flag(
        ("--tools",),
        {"metavar": "A,B", "help": "Only these tools, by name."},
        completes="tools",
    ),
    Flag(("--no-tools",), {"action": "store_true", "help": "No tools: the model just answers."}),
    Flag(("--ask",), {"action": "store_true", "help": "Ask before every tool call."}),
    Flag(
        ("--auto-edit",),
        {"action": "store_true", "help": "Allow changes to variables and files in this folder."},
    ),
    Flag(("--plan",), {"action": "store_true", "help": "Only look, and propose what to do."}),
    Flag(
        ("--full",), {"action": "store_true", "help": "Allow tool calls that would be asked for."}
    ),
    Flag(("--yes",), {"action": "store_true", "help": "The same as --full."}),
    Flag(
        ("--live",),
        {"action": "store_true", "help": "Run the model's Python in this notebook, if allowed."},
    ),
    Flag(
        ("--dry-run", "--show-context"),
        {
            "action": "store_true",
            "dest": "show_context",
            "help": "Show exactly what would be sent, and how many tokens; send nothing.",
        },
    ),
    Flag(("--debug",), {"action": "store_true", "help": "Show the traceback when it fails."}),
    Flag(("--help",), {"action": "store_true", "help": "Show this help."}),
)
FLAG_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
CONTRADICTIONS: tuple[frozenset[str], ...] = (
    frozenset({"--tools", "--no-tools"}),
    frozenset({"--history", "--no-history"}),
    *(frozenset({f"--{a}", f"--{b}"}) for a, b in combinations(APPROVALS, 2)),
)
"""Of each of these, one at most."""


def options_of(parser: MagicArgumentParser, tokens: list[str]) -> Options:
    """The options of flags that were read off a line; AgentError for a wrong value."""
    try:
        values = parser.parse_args(tokens)
    except UsageError as error:
        raise AgentError(f"{error}; see: %agent --help") from error
    for flag in FLAGS:
        _check_bounds(flag, values)
    for names in CONTRADICTIONS:
        _check_one(names, tokens)
    if values.out:
        check_name(values.out, f"-o needs the name of a variable, not {values.out!r}")
    tools = tuple(name.strip() for name in (values.tools or "").split(",") if name.strip())
    return Options(
        model=values.model,
        temperature=values.temperature,
        max_tokens=values.max_tokens,
        max_steps=values.max_steps,
        history=0 if values.no_history else values.history,
        persona=values.persona,
        system=values.system,
        format=values.format,
        out=values.out,
        is_streaming=not values.no_stream,
        tools=() if values.no_tools else (tools if values.tools is not None else None),
        approval=next((name for name in APPROVALS if _is_given(name, values)), "default"),
        live=values.live,
        show_context=values.show_context,
        debug=values.debug,
    )


def check_name(name: str, otherwise: str) -> None:
    """Whether a variable of the notebook may be called so; AgentError, with this text for no name.

    A name of Python's own would be hidden by it from all cells to come.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise AgentError(otherwise)
    if hasattr(builtins, name):
        raise AgentError(
            f"{name!r} is a name of Python's own, which would be lost; choose another, such as "
            f"{name.strip('_')}_"
        )


def _is_given(name: str, values: Any) -> bool:
    return bool(getattr(values, name.replace("-", "_")))


def _check_bounds(flag: Flag, values: Any) -> None:
    name = flag.names[-1]
    value = getattr(values, name.strip("-").replace("-", "_"))
    if flag.bounds is None or value is None:
        return
    least, most = flag.bounds
    if value < least or (most is not None and value > most):
        must = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
        raise AgentError(f"{name} must be {must}, not {value:g}")


def _check_one(names: frozenset[str], tokens: list[str]) -> None:
    given = [token for token in dict.fromkeys(tokens) if token in names]
    if len(given) > 1:
        raise AgentError(f"{' and '.join(given)} contradict each other; keep one")
