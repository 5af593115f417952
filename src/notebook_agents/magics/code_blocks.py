"""The code in an answer: what stands between fences."""

from __future__ import annotations

import ast
import re

_BLOCK = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n]*\n(?P<code>.*?)"
    r"(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)",
    re.M | re.S,
)


def code_blocks(text: str) -> tuple[str, ...]:
    """What stands between fences, in order."""
    return tuple(found["code"].rstrip("\n") for found in _BLOCK.finditer(text))


def code_in(text: str) -> str:
    """All code blocks, one below the other; the whole text when it is nothing but Python."""
    blocks = code_blocks(text)
    return "\n\n".join(blocks) if blocks or not _is_python(text) else text.strip()


def _is_python(text: str) -> bool:
    """Whether it can only be meant as code: a word or two may be valid Python, too."""
    try:
        statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError):
        return False
    words = (ast.Name, ast.Constant, ast.BinOp)
    return any(not (isinstance(s, ast.Expr) and isinstance(s.value, words)) for s in statements)
