"""Lets a prompt end in a question mark.

To IPython a line that ends in ``?`` asks for help on its last word, even when it begins with a
magic. This transformer claims lines that begin with ``%agent`` before that rule sees them and
hands them to IPython's own rule for magics; ``%agent?`` itself still asks for help.
"""

from __future__ import annotations

from tokenize import DEDENT, INDENT, NEWLINE, TokenInfo
from typing import Any

from IPython.core.inputtransformer2 import EscapedCommand, MagicAssign, TokenTransformBase

MAGIC = "agent"


class PromptLine(TokenTransformBase):
    """``%agent text`` or ``x = %agent text``; an entry of IPython's ``token_transformers``."""

    priority = 1
    """Before IPython's rule for help, which has 5."""

    def __init__(self, start: tuple[int, int], inner: TokenTransformBase) -> None:
        super().__init__(start)  # type: ignore[no-untyped-call]
        self._inner = inner

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> PromptLine | None:
        """The first line that is a prompt."""
        for line in tokens_by_line:
            tokens = [token for token in line if token.type not in (INDENT, DEDENT)]
            for rule in (EscapedCommand, MagicAssign):
                inner: Any = rule.find([tokens])  # type: ignore[no-untyped-call]
                if inner is not None and _is_prompt(tokens, inner):
                    return cls(tokens[0].start, inner)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """The lines with the prompt as a call of the magic."""
        transformed: list[str] = self._inner.transform(lines)
        return transformed


def _is_prompt(tokens: list[TokenInfo], inner: Any) -> bool:
    start = (inner.start_line + 1, inner.start_col)
    words = [token.string for token in tokens if token.start >= start and token.type != NEWLINE]
    return words[:2] == ["%", MAGIC] and any(word != "?" for word in words[2:])
