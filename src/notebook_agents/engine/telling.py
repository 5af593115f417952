"""How the built-in model tells what a tool gave: a line of its own, then the result unchanged.

A model this small slips in copying a long result. What follows its own line is therefore one of
the few forms that a result can have in an answer, and in that line stand no figures but those of
the question and of the calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from notebook_agents.engine.earlier_calls import error_text
from notebook_agents.engine.grammar import literal
from notebook_agents.engine.parser import CALL_OPEN
from notebook_agents.engine.prompt import ChatMessage, has_failed

FAILED = "The tool failed: "
_QUERY, _PYTHON, _LISTER = "database_query", "python_executor", "list_files"
_MORE = "... "
_FIGURE = re.compile(r"\[figure[^\n\]]*\]")
_NO_FILES = "No files found."
_TAGS = re.compile(rf"<(/?{CALL_OPEN[1:-1]})>")
"""A call in the words of a result would be read as one of the model's own."""
_WITH_FIGURES = re.compile(r"\w*\d\w*")


def failure(result: str) -> str:
    """The answer to a failed tool: the first line of its message."""
    return FAILED + error_text(result)


def telling_rules(chat: Sequence[ChatMessage]) -> list[str]:
    """The rules of a grammar, ``TEXT`` the first, for an answer to the last result of a tool."""
    last = next(message for message in reversed(chat) if message["role"] == "tool")
    result = _TAGS.sub(r"\1", last["content"])
    if has_failed(last):
        return [f"TEXT: {literal(failure(result))}"]
    forms = " | ".join(literal(form) for form in _forms(result, last["name"]))
    words = " | ".join(map(literal, _words_with_figures(chat)))
    lead = rf"PLAIN? (({words}) PLAIN)* ({words})?" if words else "PLAIN"
    return [
        f"TEXT: LEAD{f' ({forms})' if forms else ''}",
        f"LEAD: {lead}",
        r"PLAIN: /[^\n0-9<]+/",
    ]


def _forms(result: str, tool: str) -> Iterator[str]:
    """What can follow the line of the model; nothing where the line is all there is to say."""
    lines = [line for line in result.split("\n") if not _FIGURE.fullmatch(line)]
    if not any(lines) or (tool == _LISTER and result == _NO_FILES):
        return
    if len(lines) == 1 + (tool == _QUERY):
        yield from (f"{lines[-1]}.", lines[-1])
    if len(lines) == 1 and tool in (_QUERY, _PYTHON) and "," in lines[0]:
        yield ":"  # The header of a table without rows, of which a list has nothing to show.
    shown = "\n".join(lines)
    yield f"\n```\n{shown}\n```"
    yield "".join(f"\n{_item(line, '')}" for line in lines)
    has_header = tool in (_QUERY, _PYTHON) and len(lines) > 1
    for separator in (", ", ",", "") if has_header else ():
        yield "".join(f"\n{_item(line, separator)}" for line in lines[1:])


def _item(line: str, separator: str) -> str:
    """One line of a list: of two columns the first is a name."""
    if line.startswith(_MORE):
        return line
    return "- " + (line.replace(separator, ": ", 1) if separator else line)


def _words_with_figures(chat: Iterable[ChatMessage]) -> list[str]:
    """Those that the user said or that tools were given."""
    found: dict[str, None] = {}
    for message in chat:
        texts = [message["content"]] if message["role"] == "user" else []
        functions = (call["function"] for call in message.get("tool_calls", ()))
        texts += [str(value) for f in functions for value in f["arguments"].values()]
        found |= dict.fromkeys(word for text in texts for word in _WITH_FIGURES.findall(text))
    return list(found)
