"""What ``%agent`` was asked: a prompt with options, or a subcommand.

Flags come first and are read word by word; everything after them is the prompt, untouched, so that
quotes, braces and code need no escaping. A flag that is not known is an error with the nearest
match, because a typo must not silently become part of the prompt. ``--`` ends the flags and makes
whatever follows a prompt, even a reserved word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic_arguments import MagicArgumentParser, argument, kwds, magic_arguments

from notebook_agents.magics.errors import AgentError, close_to
from notebook_agents.magics.flags import FLAG_BY_NAME, FLAGS, Options, options_of
from notebook_agents.magics.subcommands import SUBCOMMANDS, WORDS, Subcommand, subcommand_lines

__all__ = [
    "COMMAND_FLAGS",
    "DEFAULT_MODEL",
    "FLAGS",
    "Command",
    "Options",
    "Prompt",
    "agent_arguments",
    "parse",
    "parse_sql",
]

if TYPE_CHECKING:
    from notebook_agents.core.messages import AttachmentPart

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MODEL = "default"
"""What ``%agent model`` takes for the model of the notebook's agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Text for the agent."""

    text: str
    options: Options = field(default_factory=Options)
    is_literal: bool = False
    """Whether braces in it are text and name no variables."""
    parts: tuple[AttachmentPart, ...] = ()
    """Files and pictures that are sent along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand with the text after it; an empty name is ``%agent`` alone."""

    name: str
    argument: str = ""
    wants_help: bool = False
    options: Options = field(default_factory=Options)


COMMAND_FLAGS = frozenset({"-o", "--out", "--debug", "--help"})
"""The flags that mean something for a subcommand."""
_OWN = re.compile(r"""(\S+)(\s*(?:"[^"]*"|'[^']*'|\S+)?)""")
"""A switch, and what may be its value."""
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


def parse_sql(line: str, cell: str | None, parser: MagicArgumentParser) -> Command:
    """The same for ``%%agent_sql``, which is ``%%agent sql`` with more on its line."""
    return _command("sql", line, cell, _Reader(""), parser)


def parse(line: str, cell: str | None, parser: MagicArgumentParser) -> Prompt | Command:
    """The request that a line magic (``cell`` None) or a cell magic stands for.

    Raises AgentError for an unknown flag, a wrong value or an empty prompt.
    """
    reader = _Reader(line.strip())
    names = reader.read_flags(frozenset(FLAG_BY_NAME))
    word, _, after = reader.rest.partition(" ")
    # In a cell the text is below: only flags may stand behind a subcommand there.
    is_alone = not after.strip() or (cell is not None and after.lstrip().startswith("-"))
    is_command = word in WORDS and not reader.is_forced and (cell is None or is_alone)
    if is_command and reader.rest:
        return _command(WORDS[word], after, cell, reader, parser)
    options = options_of(parser, reader.tokens)
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

    def read_flags(
        self, allowed: frozenset[str], *, command: str = "", known: Collection[str] = ()
    ) -> set[str]:
        """Take the flags in front; the names of those that were there.

        ``known`` are the ones that a typo may be near to, where these are not the ones of prompts.
        """
        names: set[str] = set()
        own: list[str] = []
        while self.rest.startswith("-") and not _TEXT_LIKE_FLAG.match(self.rest.split()[0]):
            if command and _is_own_switch(command, self.rest):
                if not (taken := self._take_own(SUBCOMMANDS[command])):
                    break
                own.append(taken)
                continue
            if self.rest.split()[0] == "--":
                self.rest = self.rest[2:].lstrip()
                self.is_forced = True
                break
            word = self._take_word()
            name, has_value, value = word.partition("=")
            if name not in allowed:
                raise _unknown_flag(name, command, known or FLAG_BY_NAME)
            names.add(name)
            flag = FLAG_BY_NAME[name]
            self.tokens.append(name)
            if flag.takes_value:
                self.tokens.append(value if has_value else self._take_value(name))
        self.rest = " ".join(filter(None, (*own, self.rest)))
        return names

    def _take_own(self, row: Subcommand) -> str:
        """A switch of the subcommand with its value, as it stands; nothing where it is a text."""
        found = _OWN.match(self.rest)
        switch, is_given, _ = (found[1] if found else "").partition("=")
        if found is None or switch not in row.switches:
            return ""
        has_next = switch in row.valued and not is_given
        end = found.end(2 if has_next else 1)
        taken, self.rest = self.rest[:end], self.rest[end:].lstrip()
        return taken

    def _take_word(self) -> str:
        word, self.rest = re.match(r"(\S+)\s*(.*)", self.rest, re.DOTALL).groups()  # type: ignore[union-attr]
        return str(word)

    def _take_value(self, name: str) -> str:
        quoted = re.match(r"""(["'])(.*?)\1(?:\s+|$)""", self.rest, re.DOTALL)
        if quoted:
            self.rest = self.rest[quoted.end() :]
            return quoted[2]
        if not self.rest or self.rest.split()[0] in FLAG_BY_NAME:
            raise AgentError(f"{name} needs a value; see: %agent --help")
        return self._take_word()


def _command(
    name: str, after: str, cell: str | None, reader: _Reader, parser: MagicArgumentParser
) -> Command:
    tail = _Reader(after.strip())
    known = COMMAND_FLAGS | set(SUBCOMMANDS[name].switches)
    tail.read_flags(COMMAND_FLAGS, command=name, known=known)
    for token in reader.tokens:
        if token in FLAG_BY_NAME and token not in COMMAND_FLAGS:
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
    if name == "help" and text:
        if text not in WORDS:
            raise AgentError(f"no subcommand {text!r}; to ask the agent: %agent -- help {text}")
        text = WORDS[text]
    return Command(
        name=name,
        argument=text,
        wants_help="--help" in tokens,
        options=options_of(parser, tokens),
    )


def _is_own_switch(name: str, text: str) -> bool:
    """Whether the text begins with what the subcommand reads itself."""
    first = (text.split(maxsplit=1) or [""])[0].partition("=")[0]
    if name == "sql" and first.startswith("--"):  # a comment
        return not first.startswith(("--o", "--d", "--h"))
    return first in SUBCOMMANDS[name].switches


def _one_name(command: str, text: str) -> str:
    """The name that a text consists of; one with spaces stands in quotes."""
    quoted = re.fullmatch(r"""(["'])(.+)\1""", text)
    name = quoted[2] if quoted else text
    if not quoted and (len(text.split()) > 1 or text.startswith(("'", '"'))):
        raise AgentError(
            f"%agent {command} takes one name; to send it as a prompt: %agent -- {command} {text}"
        )
    return name


def _unknown_flag(name: str, command: str, known: Collection[str]) -> AgentError:
    near = close_to(name, sorted(known), cutoff=0.65)
    if command:
        hint = f"did you mean {near}?" if near else f"see: %agent {command} --help"
        return AgentError(f"unknown flag {name} of %agent {command}; {hint}")
    hint = f"did you mean {near}?" if near else "see: %agent --help"
    return AgentError(
        f"unknown flag {name}; {hint} (a prompt that begins with a dash: %agent -- text)"
    )


def _refuse_typo(word: str) -> None:
    # People seldom mistype the first letter; "story" is not meant to be "history".
    near = close_to(word, [known for known in WORDS if known[0] == word[:1]], cutoff=0.75)
    if near:
        raise AgentError(
            f"no subcommand {word!r}; did you mean {near}? To send it as a prompt: %agent -- {word}"
        )
