"""The grammar of the built-in model: it names nothing that it was not told.

Names, paths, columns and values in its calls occur in what the user said, in the context lines or
in the results of tools. Before it has used a tool it says one of the sentences it was trained to
say, of its earlier calls only what is true; a result it tells unchanged, and after two errors it
has to answer. Code for Python is free.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from notebook_agents.core.models import BUNDLED_TOOLS, ToolSchema
from notebook_agents.engine.earlier_calls import true_reply
from notebook_agents.engine.grammar import Grammars, literal
from notebook_agents.engine.parser import CALL_CLOSE, CALL_OPEN
from notebook_agents.engine.prompt import CONTEXT_LABELS, ChatMessage, has_failed
from notebook_agents.engine.ruled_out import ruled_out
from notebook_agents.engine.second_tries import lost_paths, second_tries
from notebook_agents.engine.telling import telling_rules

MAX_ERRORS = 2
"""Errors of tools after which the model has to answer."""
_MISSING_TOOL = "{a}"
"""In a reply: the name of a tool that is not offered."""
_PIECE = re.compile(r"\w+|\s|[^\w\s]")
_BETWEEN_TEXTS = "\x00"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_GUARDED = {
    ("file_reader", "path"): "PATH",
    ("list_files", "path"): "FOLDER",
    ("inspect_variable", "name"): "NAME",
    ("database_query", "query"): "QUERY",
}
"""The arguments that are more than their JSON schema, and their terminals."""
_SQL_WORDS = (
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "hour",
    "minute",
    "%Y",
    "%Y-%m",
    "%A",
    "%B",
)
"""Units and formats of dates, which nobody says that way."""
_PROSE = rf"/(?s:.+)/ & ~/(?s:.*)<\/?{CALL_OPEN[1:]}(?s:.*)/"
_SAID_PATH = r'"\"" SAID_JSON ("/" SAID_JSON)* "\""'
_TERMINALS = {
    "PATH": _SAID_PATH,
    "FOLDER": rf'{_SAID_PATH} | "\".\""',
    "NAME": r'"\"" SAID_JSON "\""',
    "QUERY": r'"\"" (SQL_CODE | SQL_NAME | SQL_VALUE)* "\""',
    "SQL_CODE": r"""/[^"'\\\x00-\x1f\x7f]/ | "\\n" """,
    "SQL_NAME": r'"\\\"" SAID_SQL_NAME "\\\""',
    "SQL_VALUE": r"""/'[%^_]?/ SAID_SQL_VALUE /[%$_]?'/ | SQL_DATE | SQL_WORD | SQL_SIGNS""",
    "SQL_DATE": r"/'[0-9]{4}-[0-9]{2}(-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?)?'/",
    "SQL_WORD": f"/'({'|'.join(_SQL_WORDS)})'/",
    "SQL_SIGNS": r"""/'[^\w'"\\\x00-\x1f\x7f]{0,3}'/""",
    "TOOL": " | ".join(map(json.dumps, BUNDLED_TOOLS)),
}
_ESCAPES: dict[str, Callable[[str], str]] = {
    "SAID_JSON": lambda text: _escaped(text),
    "SAID_SQL_NAME": lambda text: _escaped(text.replace('"', '""')),
    "SAID_SQL_VALUE": lambda text: _escaped(text.replace("'", "''")),
}
"""How words that were said are written inside each kind of text."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the built-in model has to answer."""

    chat: Sequence[ChatMessage]
    tools: Sequence[ToolSchema]
    replies: Sequence[str]
    """What it may say before it has used a tool; anything when there are none."""
    whole: Sequence[ChatMessage]
    """The chat with the messages that did not fit."""

    @property
    def results(self) -> list[ChatMessage]:
        """The results of tools since the user spoke."""
        found: list[ChatMessage] = []
        for message in reversed(self.chat):
            if message["role"] == "user":
                break
            if message["role"] == "tool":
                found.append(message)
        return found

    @property
    def may_call(self) -> bool:
        """Whether there are tools and few errors."""
        n_errors = sum(map(has_failed, self.results))
        return bool(self.tools) and n_errors < MAX_ERRORS


def turn_grammar(turn: Turn, grammars: Grammars) -> str:
    """One call and nothing else, or text without any."""
    paths = _paths(turn.chat)
    # A file that is nowhere ends the turn: what another one holds was not asked.
    may_call = turn.may_call and paths != []
    rules = [f"start: {'call | TEXT' if may_call else 'TEXT'}", *_text(turn)]
    if may_call:
        rules += [
            f"call: {grammars.tag(CALL_OPEN)} body {grammars.tag(CALL_CLOSE)}",
            f"body: {' | '.join(_body(tool, grammars) for tool in turn.tools)}",
        ]
    found = _terminals("\n".join(rules), turn.chat)
    if paths:
        again = "PATH: " + " | ".join(
            literal(json.dumps(path, ensure_ascii=False)) for path in paths
        )
        found = (again if line.startswith("PATH: ") else line for line in found)
    return "\n".join((*rules, *found))


def _paths(chat: Sequence[ChatMessage]) -> list[str] | None:
    """The files that may still be read; None where none of this turn was lost."""
    lost = lost_paths(chat)
    return second_tries(chat, lost) if lost else None


def said(chat: Iterable[ChatMessage]) -> list[str]:
    """The texts that names may come from; what users type in any case, with any slashes."""
    found: dict[str, None] = {}
    for message in chat:
        text = message["content"]
        match message["role"]:
            case "system":
                lines = [line for line in text.split("\n") if line.startswith(CONTEXT_LABELS)]
                found |= dict.fromkeys(lines)
            case "user":
                found |= dict.fromkeys((text, text.lower(), text.upper(), text.title()))
                found |= dict.fromkeys((text.replace("\\", "/"), text.lower().replace("\\", "/")))
            case "tool":
                found[text] = None
    return list(found)


def _text(turn: Turn) -> list[str]:
    """The rules of what may be said."""
    if turn.results:
        return telling_rules(turn.chat)
    return [f"TEXT: {' | '.join(_replies(turn)) if turn.replies else _PROSE}"]


def _replies(turn: Turn) -> Iterator[str]:
    """What may be said; where there are tools, a call says which one is missing."""
    unfit = ruled_out(turn.chat)
    for reply in turn.replies:
        if reply in unfit:
            continue
        before, mark, after = reply.partition(_MISSING_TOOL)
        if mark:
            yield from () if turn.tools else [f"{literal(before)} TOOL {literal(after)}"]
            continue
        told = true_reply(reply, turn.chat, turn.whole)
        # A call in the words of an error or of code would be read as one of the model's own.
        if told is not None and CALL_OPEN not in told and CALL_CLOSE not in told:
            yield literal(told)


def _body(tool: ToolSchema, grammars: Grammars) -> str:
    opening = f'\n{{"name": {json.dumps(tool.name)}, "arguments": '
    return f"{literal(opening)} {_arguments(tool, grammars)} {literal('}' + chr(10))}"


def _arguments(tool: ToolSchema, grammars: Grammars) -> str:
    """An object in the order of the schema; members that are not required may be missing."""
    if "properties" not in tool.parameters:
        return grammars.json({"type": "object", **tool.parameters})
    required = tool.parameters.get("required", ())
    members: list[tuple[str, bool]] = []
    for name, schema in tool.parameters["properties"].items():
        value = _GUARDED.get((tool.name, name)) or grammars.json(schema)
        members.append((f"{literal(json.dumps(name) + ': ')} {value}", name in required))
    choices: list[str] = []
    for place, (first, is_required) in enumerate(members):
        others = (f'(", " {m}){"" if needed else "?"}' for m, needed in members[place + 1 :])
        choices.append(" ".join((first, *others)))
        if is_required:
            break
    else:
        choices.append(literal(""))
    return f'"{{" ({" | ".join(choices)}) "}}"'


def _terminals(grammar: str, chat: Sequence[ChatMessage]) -> Iterator[str]:
    """The terminals that a grammar uses, and those that they use."""
    # What is quoted is text, in which words in capitals name nothing.
    open_names, known = re.findall(r"[A-Z_]{3,}", _QUOTED.sub("", grammar)), {"TEXT"}
    lines = [line for text in said(chat) for line in text.split("\n")]
    while open_names:
        name = open_names.pop()
        if name in known:
            continue
        known.add(name)
        if name in _ESCAPES:
            yield f"{name}: {_words(lines, _ESCAPES[name])}"
        elif name in _TERMINALS:
            yield f"{name}: {_TERMINALS[name]}"
            open_names += re.findall(r"[A-Z_]{3,}", _TERMINALS[name])


def _words(texts: Iterable[str], escape: Callable[[str], str]) -> str:
    """Whole words and signs as they follow each other in one of the texts."""
    pieces: list[str] = []
    for text in texts:
        pieces += map(escape, _PIECE.findall(text))
        pieces.append(_BETWEEN_TEXTS)
    chain = json.dumps({"substring_chunks": pieces}, ensure_ascii=False)
    # No space at either end, more than signs, and never from one text into the next.
    return rf"%regex {chain} & /([^\s\x00][^\x00]*)?[\w\u{{80}}-\u{{10FFFF}}]([^\x00]*[^\s\x00])?/"


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
