"""The flags of ``%agent``: one row each, and the options that they become.

A new flag is a row in `FLAGS`, a field of `Options` and its line in `options_of`. None in an option
means that nobody said anything: then ``%config AgentMagics`` decides, then the agent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from notebook_agents.magics.errors import AgentError

Approval = Literal["default", "ask", "yes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags of one request; None takes the default of the agent."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    out: str = ""
    is_streaming: bool = True
    tools: tuple[str, ...] | None = None
    approval: Approval = "default"
    debug: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as argparse and the reader of the line both need it."""

    names: tuple[str, ...]
    settings: dict[str, Any]

    @property
    def takes_value(self) -> bool:
        """Whether the next word belongs to the flag."""
        return self.settings.get("action") != "store_true"


FLAGS: tuple[Flag, ...] = (
    Flag(("-m", "--model"), {"help": "Model for this prompt (%%agent models lists them)."}),
    Flag(
        ("-t", "--temperature"),
        {"type": float, "help": "Randomness, 0 (always the likeliest word) to 2."},
    ),
    Flag(("--max-tokens",), {"type": int, "help": "Longest answer, in tokens."}),
    Flag(
        ("-o", "--out"), {"metavar": "VAR", "default": "", "help": "Also bind the result to VAR."}
    ),
    Flag(
        ("--no-stream",),
        {"action": "store_true", "help": "Show the answer only when it is complete."},
    ),
    Flag(("--tools",), {"metavar": "A,B", "help": "Only these tools, by name."}),
    Flag(("--no-tools",), {"action": "store_true", "help": "No tools: the model just answers."}),
    Flag(("--yes",), {"action": "store_true", "help": "Allow tool calls that would be asked for."}),
    Flag(("--ask",), {"action": "store_true", "help": "Ask before every tool call."}),
    Flag(("--debug",), {"action": "store_true", "help": "Show the traceback when it fails."}),
    Flag(("--help",), {"action": "store_true", "help": "Show this help."}),
)
FLAG_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}


def options_of(parser: MagicArgumentParser, tokens: list[str]) -> Options:
    """The options of flags that were read off a line; AgentError for a wrong value."""
    try:
        values = parser.parse_args(tokens)
    except UsageError as error:
        raise AgentError(f"{error}; see: %agent --help") from error
    if values.temperature is not None and not 0 <= values.temperature <= 2:
        raise AgentError(f"--temperature must be from 0 to 2, not {values.temperature:g}")
    if values.max_tokens is not None and values.max_tokens < 1:
        raise AgentError(f"--max-tokens must be at least 1, not {values.max_tokens}")
    if values.out and not values.out.isidentifier():
        raise AgentError(f"-o needs the name of a variable, not {values.out!r}")
    if values.no_tools and values.tools is not None:
        raise AgentError("--tools and --no-tools contradict each other; keep one")
    if values.yes and values.ask:
        raise AgentError("--yes and --ask contradict each other; keep one")
    names = tuple(name.strip() for name in (values.tools or "").split(",") if name.strip())
    return Options(
        model=values.model,
        temperature=values.temperature,
        max_tokens=values.max_tokens,
        out=values.out,
        is_streaming=not values.no_stream,
        tools=() if values.no_tools else (names if values.tools is not None else None),
        approval="yes" if values.yes else "ask" if values.ask else "default",
        debug=values.debug,
    )
