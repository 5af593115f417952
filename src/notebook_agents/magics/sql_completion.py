"""Completion in ``%agent sql`` and ``%%agent_sql``: views, their columns, functions, ``$names``.

What can be read from is a file of this package, so the first Tab of a kernel knows it: front ends
wait a second at most, which is less than a core, or even the database's library, needs to be there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from notebook_agents.core.sql_text import (
    FUNCTIONS,
    KEYWORDS,
    Token,
    ctes_in,
    solid,
    tables_in,
    tokens_of,
    wants_table,
)
from notebook_agents.magics.sql_values import PLAIN, own_names

STARTS = ("SELECT", "WITH", "FROM", "DESCRIBE", "SHOW TABLES", "SUMMARIZE", "EXPLAIN")
MAX_VARIABLES = 100
_LAST = re.compile(r"[$\w]+\Z|.\Z", re.DOTALL)
"""The word before the cursor, or the sign."""
_FLAGS = r"(?:-o\s+\S+\s+|--out[= ]\S+\s+|--explain\s+|\w+\s*<<\s*)*"
_LINE = re.compile(rf"\s*(?:[\w, ]+=\s*)?%%?(?:agent\s+sql|agent_sql)\s+{_FLAGS}")
_CELL = re.compile(r"\s*%%(?:agent[ \t]+sql|agent_sql)\b[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that could come next."""

    text: str
    kind: str


class SqlCompleter:
    """An entry of IPython's ``custom_matchers``."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    @context_matcher()  # type: ignore[untyped-decorator]
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete for IPython, which then asks nobody else."""
        found = typed_sql(context)
        fragment, offers = "", list[Offer]()
        if found is not None:
            fragment, offers = self.offers(*found)
            if not offers and (typed := _LAST.search(found[0])):
                # IPython asks the matchers of Python, magics and files where nothing is offered.
                fragment = typed[0]
                offers = [Offer(fragment, "text")]
        return {
            "completions": [SimpleCompletion(text=offer.text, type=offer.kind) for offer in offers],
            "matched_fragment": fragment if offers else context.token,
            "suppress": bool(offers),
        }

    def offers(self, before: str, after: str) -> tuple[str, list[Offer]]:
        """The word at the cursor, and what it could become: best first."""
        tokens = tokens_of(before)
        last = tokens[-1] if tokens else None
        if last is not None and _is_closed_to_words(last, before):
            return "", []
        is_begun = last is not None and (last.kind in ("word", "parameter") or last.text == "$")
        fragment = last.text if is_begun and last else ""
        known = solid(tokens[:-1] if is_begun else tokens)
        offers = self._offers(known, fragment, before[: len(before) - len(fragment)] + " " + after)
        lower = fragment.lower()
        fitting = (offer for offer in offers if offer.text.lower().startswith(lower))
        unique = {offer.text: offer for offer in fitting if offer.text != fragment}
        return fragment, list(unique.values())

    def _offers(self, known: Sequence[Token], fragment: str, sql: str) -> Iterator[Offer]:
        views, read = packaged_views(), tables_in(sql)
        if fragment.startswith("$"):
            yield from self._variable_offers()
        elif known and known[-1].text == ".":
            owner = known[-2].name if len(known) > 1 else ""
            yield from _columns(views, [read.get(owner, owner)] if read else views)
        elif wants_table(known):
            yield from (Offer(name, "table") for name in (*ctes_in(sql), *views))
        elif not known:
            yield from _words(STARTS, fragment)
        else:
            yield from _columns(views, read.values() if read else views)
            yield from (Offer(name, "alias") for name in read if fragment)
            if fragment:
                yield from (Offer(f"{name}(", "function") for name in FUNCTIONS)
                yield from _words(KEYWORDS, fragment)

    def _variable_offers(self) -> Iterator[Offer]:
        names = [
            name
            for name in reversed(own_names(self._variables))
            if isinstance(self._variables[name], (*PLAIN, list, tuple))
        ]
        yield from (Offer(f"${name}", "variable") for name in names[:MAX_VARIABLES])


@cache
def packaged_views() -> Mapping[str, Sequence[str]]:
    """The columns of ``events`` and of each view, by name."""
    file = resources.files("notebook_agents") / "analytics" / "views" / "columns.json"
    views: Mapping[str, Sequence[str]] = json.loads(file.read_text())
    return views


def typed_sql(context: CompletionContext) -> tuple[str, str] | None:
    """The SQL before and behind the cursor, where the cursor is in SQL."""
    line = context.line_with_cursor
    if (cell := _CELL.match(context.full_text)) is not None:
        lines = context.full_text.split("\n")
        first = context.full_text[: cell.end()].count("\n")
        if context.cursor_line >= first:
            head = [*lines[first : context.cursor_line], line[: context.cursor_position]]
            tail = [line[context.cursor_position :], *lines[context.cursor_line + 1 :]]
            return "\n".join(head), "\n".join(tail)
    found = _LINE.match(line)
    if found is None or found.end() > context.cursor_position or line.lstrip().startswith("%%"):
        return None
    before = line[found.end() : context.cursor_position]
    if before.startswith("-") and not before.startswith("-- "):
        return None
    return before, line[context.cursor_position :]


def _is_closed_to_words(last: Token, before: str) -> bool:
    """Whether the cursor stands in a comment, in a text or at a number."""
    if last.kind == "comment":
        return last.text.startswith("--") or not before.endswith("*/")
    if last.kind in ("string", "quoted"):
        return True
    return last.kind == "number"


def _columns(views: Mapping[str, Sequence[str]], names: Iterable[str]) -> Iterator[Offer]:
    for name in names:
        yield from (Offer(column, "column") for column in views.get(name, ()))


def _words(words: Sequence[str], fragment: str) -> Iterator[Offer]:
    """Keywords, written as the fragment is."""
    is_small = fragment.islower()
    yield from (Offer(word.lower() if is_small else word, "keyword") for word in words)
