"""How the built-in model tells what a tool gave: a line of its own, then the result unchanged.

A model this small slips in copying a long result. What follows its own line is therefore one of
the few forms that a result can have in an answer, and in that line stand no figures but those of
the question and of the calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from notebook_agents.engine.grammar import literal
from notebook_agents.engine.parser import CALL_OPEN
from notebook_agents.engine.prompt import ERROR_MARK, ChatMessage

FAILED = "The tool failed: "
_QUERY = "database_query"
_MORE = "... "
_FIGURE = "[figure]"
_TAGS = re.compile(rf"<(/?{CALL_OPEN[1:-1]})>")
"""A call in the words of a result would be read as one of the model's own."""
_WITH_FIGURES = re.compile(r"\w*\d\w*")


def failure(result: str) -> str:
    """The answer to a failed tool: the first line of its message."""
    return FAILED + result.removeprefix(ERROR_MARK).split("\n")[0]


def telling_rules(chat: Sequence[ChatMessage]) -> list[str]:
    """The rules of a grammar, ``TEXT`` the first, for an answer to the last result of a tool."""
    last = next(message for message in reversed(chat) if message["role"] == "tool")
    result, is_query = _TAGS.sub(r"\1", last["content"]), last["name"] == _QUERY
    if result.startswith(ERROR_MARK):
        return [f"TEXT: {literal(failure(result))}"]
    forms = " | ".join(literal(form) for form in _forms(result, is_query=is_query))
    figures = "".join(f" | {literal(text)}" for text in _figures(chat))
    return [f"TEXT: LEAD{f' ({forms})' if forms else ''}", rf"LEAD: (/[^\n0-9<]/{figures})+"]


def _forms(result: str, *, is_query: bool) -> Iterator[str]:
    """What can follow the line of the model; nothing where the line is all there is to say."""
    if result in ("", _FIGURE) or result.startswith("No "):
        return
    lines = result.split("\n")
    if len(lines) == 1 + is_query:
        yield from (f"{lines[-1]}.", lines[-1])
    if len(lines) == 1:
        yield ":"  # A header without rows, of which a list has nothing to show.
    yield f"\n```\n{result}\n```"
    yield "".join(f"\n{_item(line, '')}" for line in lines)
    for separator in (", ", ",", "") if lines[1:] else ():
        yield "".join(f"\n{_item(line, separator)}" for line in lines[1:])


def _item(line: str, separator: str) -> str:
    """One line of a list: of two columns the first is a name."""
    if line.startswith(_MORE):
        return line
    return "- " + (line.replace(separator, ": ", 1) if separator else line)


def _figures(chat: Iterable[ChatMessage]) -> list[str]:
    """The words with figures that the user said or that tools were given."""
    found: dict[str, None] = {}
    for message in chat:
        texts = [message["content"]] if message["role"] == "user" else []
        functions = (call["function"] for call in message.get("tool_calls", ()))
        texts += [str(value) for f in functions for value in f["arguments"].values()]
        found |= dict.fromkeys(word for text in texts for word in _WITH_FIGURES.findall(text))
    return list(found)
