"""What ``%agent`` was asked: a prompt with options, or a subcommand.

Flags come first and are read word by word; everything after them is the prompt, untouched, so that
quotes, braces and code need no escaping. A flag that is not known is an error with the nearest
match, because a typo must not silently become part of the prompt. ``--`` ends the flags and makes
whatever follows a prompt, even a reserved word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser, argument, kwds, magic_arguments

from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.subcommands import SUBCOMMANDS, subcommand_lines

F = TypeVar("F", bound=Callable[..., Any])
Approval = Literal["default", "ask", "yes"]

DEFAULT_MODEL = "default"
"""What ``%agent model`` takes for the model of the notebook's agent."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Text for the agent."""

    text: str
    options: Options = field(default_factory=Options)
    is_literal: bool = False
    """Whether braces in it are text and name no variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand with the text after it; an empty name is ``%agent`` alone."""

    name: str
    argument: str = ""
    wants_help: bool = False
    options: Options = field(default_factory=Options)


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
_FLAG_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
_COMMAND_FLAGS = frozenset({"-o", "--out", "--debug", "--help"})
"""The flags that mean something for a subcommand."""
_SQL_COMMENT = re.compile(r"--(?!(?:out|debug|help)\b)")
_TEXT_LIKE_FLAG = re.compile(r"-(?:$|[\d.(])")
"""A prompt may begin with a dash: a list item, a negative number."""


def agent_arguments(function: F) -> F:
    """Document and parse the flags of a magic, with its subcommands, for ``%agent?``."""
    for flag in reversed(FLAGS):
        function = argument(*flag.names, **flag.settings)(function)  # type: ignore[no-untyped-call]
    # Of a text that does not begin with a line break IPython removes the indentation.
    epilog = f"\nsubcommands, each with --help:\n{subcommand_lines()}"
    function = kwds(epilog=epilog)(function)  # type: ignore[no-untyped-call]
    documented: F = magic_arguments("agent")(function)  # type: ignore[no-untyped-call]
    return documented


def parse(line: str, cell: str | None, parser: MagicArgumentParser) -> Prompt | Command:
    """The request that a line magic (``cell`` None) or a cell magic stands for.

    Raises AgentError for an unknown flag, a wrong value or an empty prompt.
    """
    reader = _Reader(line.strip())
    names = reader.read_flags(frozenset(_FLAG_BY_NAME))
    word, _, after = reader.rest.partition(" ")
    is_alone = not after.strip()
    is_command = word in SUBCOMMANDS and not reader.is_forced and (cell is None or is_alone)
    if is_command and reader.rest:
        return _command(word, after, cell, reader, parser)
    options = _options(parser, reader.tokens)
    if "--help" in names:
        return Command(name="help", options=options)
    if cell is None and not line.strip():
        return Command(name="")
    if cell is None and is_alone and not reader.is_forced:
        _refuse_typo(word)
    text = "\n".join(part for part in (reader.rest.strip(), (cell or "").strip("\n")) if part)
    if not text.strip():
        raise AgentError("the prompt is empty; write it after the flags: %agent [flags] text")
    return Prompt(text=text, options=options)


class _Reader:
    """Reads flags off the front of a line and leaves the rest as it was."""

    def __init__(self, text: str) -> None:
        self.rest = text
        self.tokens: list[str] = []
        self.is_forced = False

    def read_flags(self, allowed: frozenset[str], *, where: str = "") -> set[str]:
        """Take the flags in front; the names of those that were there."""
        names: set[str] = set()
        while self.rest.startswith("-") and not _TEXT_LIKE_FLAG.match(self.rest.split()[0]):
            if self.rest.split()[0] == "--":
                self.rest = self.rest[2:].lstrip()
                self.is_forced = True
                break
            word = self._take_word()
            name, has_value, value = word.partition("=")
            if name not in allowed:
                raise _unknown_flag(name, where)
            names.add(name)
            flag = _FLAG_BY_NAME[name]
            self.tokens.append(name)
            if flag.takes_value:
                self.tokens.append(value if has_value else self._take_value(name))
        return names

    def _take_word(self) -> str:
        word, self.rest = re.match(r"(\S+)\s*(.*)", self.rest, re.DOTALL).groups()  # type: ignore[union-attr]
        return str(word)

    def _take_value(self, name: str) -> str:
        quoted = re.match(r"""(["'])(.*?)\1(?:\s+|$)""", self.rest, re.DOTALL)
        if quoted:
            self.rest = self.rest[quoted.end() :]
            return quoted[2]
        if not self.rest or self.rest.split()[0] in _FLAG_BY_NAME:
            raise AgentError(f"{name} needs a value; see: %agent --help")
        return self._take_word()


def _command(
    name: str, after: str, cell: str | None, reader: _Reader, parser: MagicArgumentParser
) -> Command:
    tail = _Reader(after.strip())
    if (
        name == "sql"
        and tail.rest.startswith("--")
        and not tail.rest.startswith(("--o", "--d", "--h"))
    ):
        tail.is_forced = True
    else:
        tail.read_flags(_COMMAND_FLAGS, where=f" of %agent {name}")
    for token in reader.tokens:
        if token in _FLAG_BY_NAME and token not in _COMMAND_FLAGS:
            raise AgentError(f"{token} means nothing for %agent {name}; leave it out")
    tokens = reader.tokens + tail.tokens
    text = "\n".join(part for part in (tail.rest.strip(), (cell or "").strip()) if part)
    takes = SUBCOMMANDS[name].takes
    if takes == "name":
        text = _one_name(name, text)
    elif text and takes == "nothing":
        raise AgentError(
            f"%agent {name} takes no text; to send it as a prompt: %agent -- {name} {tail.rest}"
        )
    if name == "help" and text and text not in SUBCOMMANDS:
        raise AgentError(f"no subcommand {text!r}; to ask the agent: %agent -- help {text}")
    return Command(
        name=name,
        argument=text,
        wants_help="--help" in tokens,
        options=_options(parser, tokens),
    )


def _one_name(command: str, text: str) -> str:
    """The name that a text consists of; one with spaces stands in quotes."""
    quoted = re.fullmatch(r"""(["'])(.+)\1""", text)
    name = quoted[2] if quoted else text
    if not quoted and (len(text.split()) > 1 or text.startswith(("'", '"'))):
        raise AgentError(
            f"%agent {command} takes one name; to send it as a prompt: %agent -- {command} {text}"
        )
    return name


def _options(parser: MagicArgumentParser, tokens: list[str]) -> Options:
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


def _unknown_flag(name: str, where: str) -> AgentError:
    near = close_to(name, sorted(_FLAG_BY_NAME), cutoff=0.65)
    hint = f"did you mean {near}?" if near else "see: %agent --help"
    return AgentError(
        f"unknown flag {name}{where}; {hint} (a prompt that begins with a dash: %agent -- text)"
    )


def _refuse_typo(word: str) -> None:
    near = close_to(word, list(SUBCOMMANDS), cutoff=0.75)
    if near:
        raise AgentError(
            f"no subcommand {word!r}; did you mean {near}? To send it as a prompt: %agent -- {word}"
        )
