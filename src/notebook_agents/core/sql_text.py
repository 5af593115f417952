"""SQL as a text that somebody is typing: its tokens, what it reads from, and where a place is.

Only as much grammar as completion, ``$name`` and messages need; the database parses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "comment", "string", "quoted", "parameter", "number", "word", "space", "sign"
]
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "LEFT JOIN",
    "ON", "USING", "AS", "AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE", "BETWEEN", "CASE",
    "WHEN", "THEN", "ELSE", "END", "DISTINCT", "UNION ALL", "WITH", "FILTER", "OVER",
    "PARTITION BY", "INTERVAL", "TIMESTAMPTZ", "DATE", "DESC", "ASC", "QUALIFY", "TRUE", "FALSE",
    "ALL",
)  # fmt: skip
"""What is offered; more is allowed."""
FUNCTIONS = (
    "count", "sum", "avg", "min", "max", "quantile_cont", "median", "round", "coalesce", "nullif",
    "date_trunc", "date_part", "strftime", "now", "current_date", "any_value", "arg_max", "arg_min",
    "list", "list_contains", "unnest", "lag", "lead", "row_number", "rank", "epoch_ms", "lower",
    "length", "regexp_matches", "bool_or", "histogram",
)  # fmt: skip
EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALY[SZ]E\b|\()", re.IGNORECASE)
"""Before a statement that is told of and not run, as it would be with ANALYZE."""
_OTHER_WORDS = frozenset({
    "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "ASOF", "POSITIONAL", "SEMI", "ANTI",
    "NATURAL", "GROUP", "ORDER", "BY", "UNION", "INTERSECT", "EXCEPT", "WINDOW", "OFFSET",
    "SAMPLE", "TABLESAMPLE", "PIVOT", "UNPIVOT", "LATERAL",
})  # fmt: skip
_RESERVED = frozenset({word for words in KEYWORDS for word in words.split()}) | _OTHER_WORDS
_BEFORE_TABLES = frozenset({"FROM", "JOIN", "DESCRIBE", "SUMMARIZE"})
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|'(?:[^']|'')*(?:'|\Z)
        |\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<quoted>"(?:[^"]|"")*(?:"|\Z))
    |(?P<parameter>\$[^\W\d]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<space>\s+)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL and where it begins."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + len(self.text)

    @property
    def name(self) -> str:
        """The name that a word or a quoted word stands for."""
        return self.text.strip('"').replace('""', '"') if self.kind == "quoted" else self.text

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords."""
        return self.kind == "word" and self.text.upper() in words


def tokens_of(sql: str) -> list[Token]:
    """All of it, in order, with spaces and comments."""
    found = _TOKEN.finditer(sql)
    return [Token(_kind(match.lastgroup), match[0], match.start()) for match in found]


def _kind(group: str | None) -> Kind:
    # The group of a tag stands inside that of a string and is never the last one to match.
    kind: Kind = group  # type: ignore[assignment]
    return kind


def solid(tokens: Sequence[Token]) -> list[Token]:
    """Those that mean something."""
    return [token for token in tokens if token.kind not in ("comment", "space")]


def parameters_in(sql: str) -> list[str]:
    """The names that stand behind ``$``, each once, outside texts and comments."""
    names = (token.text[1:] for token in tokens_of(sql) if token.kind == "parameter")
    return list(dict.fromkeys(names))


def tables_in(sql: str) -> dict[str, str]:
    """What is read from, by the name it has in the statement: an alias, or its own."""
    tokens, found, is_listing = solid(tokens_of(sql)), dict[str, str](), False
    for at, token in enumerate(tokens):
        if token.is_word("FROM", "JOIN"):
            is_listing = True
        elif token.is_word(*_RESERVED - {"AS", "FROM", "JOIN"}) or token.text in ("(", ")", ";"):
            is_listing = False
        elif is_listing and token.kind in ("word", "quoted") and _begins_table(tokens[at - 1]):
            found[_alias(tokens[at + 1 : at + 3]) or token.name] = token.name
    return found


def ctes_in(sql: str) -> list[str]:
    """The names that ``WITH name AS (`` defines."""
    tokens = solid(tokens_of(sql))
    return [
        token.name
        for token, as_, bracket in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if token.kind in ("word", "quoted")
        and as_.is_word("AS")
        and (bracket.text == "(" or bracket.is_word("MATERIALIZED"))
    ]


def wants_table(before: Sequence[Token]) -> bool:
    """Whether the name of a table comes next."""
    if not before:
        return False
    if before[-1].is_word(*_BEFORE_TABLES):
        return True
    return before[-1].text == "," and _is_in_from(before)


def place_in(sql: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character."""
    before = sql[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def token_at(sql: str, position: int) -> Token | None:
    """What begins at a character or holds it; ``a.b`` gives ``b``, which is what is not known."""
    tokens = tokens_of(sql)
    at = next((i for i, token in enumerate(tokens) if token.start <= position < token.end), None)
    if at is None:
        return None
    is_dotted = at + 2 < len(tokens) and tokens[at + 1].text == "."
    return tokens[at + 2] if is_dotted and tokens[at + 2].kind in ("word", "quoted") else tokens[at]


def _begins_table(before: Token) -> bool:
    return before.is_word("FROM", "JOIN") or before.text == ","


def _alias(after: Sequence[Token]) -> str:
    if after and after[0].is_word("AS"):
        after = after[1:]
    if not after or after[0].kind not in ("word", "quoted") or after[0].is_word(*_RESERVED):
        return ""
    return after[0].name


def _is_in_from(before: Sequence[Token]) -> bool:
    """Whether the comma at the end stands between tables."""
    depth = 0
    for token in reversed(before):
        depth += {")": 1, "(": -1}.get(token.text, 0)
        if depth < 0:
            return False
        if depth == 0 and token.is_word(*_RESERVED - {"AS"}):
            return token.is_word("FROM", "JOIN")
    return False
