"""Acceptance checks: expressions that must hold of what a notebook put out.

They are somebody's text and are evaluated by simpleeval, which walks the syntax tree and has no
names but those it is given, in the process of the execution: never by ``eval``, never in a server.
What they speak of is plain data.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from simpleeval import DEFAULT_OPERATORS, EvalWithCompoundTypes

MAX_TEXT = 80_000
"""Characters of all outputs that checks see; the end counts more than the beginning."""


def failed_checks(checks: Sequence[str], facts: dict[str, Any]) -> list[str]:
    """The checks that do not hold, each with what came instead of truth."""
    failed = []
    for check in checks:
        evaluator = EvalWithCompoundTypes(
            names=dict(facts), functions=dict(FUNCTIONS), operators=dict(OPERATORS)
        )
        try:
            value = evaluator.eval(check.strip())
        except Exception as error:  # noqa: BLE001 - whatever it is, the check does not hold
            failed.append(f"{check} ({type(error).__name__}: {str(error)[:200]})")
            continue
        if value is not True:
            failed.append(f"{check} (is {str(value)[:100]})")
    return failed


def facts_of(book: Any, seconds: float) -> dict[str, Any]:
    """What checks can speak of."""
    codes = [cell for cell in book.cells if cell.cell_type == "code"]
    texts = ["\n".join(_texts(cell)) for cell in codes]
    outputs = [output for cell in codes for output in cell.outputs]
    result = _result(outputs)
    usage = result.get("usage", {}) if isinstance(result, dict) else {}
    return {
        "text": "\n".join(filter(None, texts))[-MAX_TEXT:],
        "last": next((text for text in reversed(texts) if text), "")[-MAX_TEXT:],
        "result": result,
        "cells": len(codes),
        "errors": sum(output.output_type == "error" for output in outputs),
        "seconds": seconds,
        "tokens": usage.get("output_tokens", 0) if isinstance(usage, dict) else 0,
        "tool_calls": result.get("tool_calls", []) if isinstance(result, dict) else [],
        "True": True,
        "False": False,
        "None": None,
    }


def _result(outputs: Sequence[Any]) -> Any:
    """The JSON that was shown last, else the last text that is JSON."""
    for output in reversed(outputs):
        shown = output.get("data", {}).get("application/json")
        if shown is not None:
            return json.loads(json.dumps(shown))
    for output in reversed(outputs):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            continue
    return None


def _texts(cell: Any) -> list[str]:
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            data = output.data
            found.append(data.get("text/markdown") or data.get("text/plain") or "")
    return [text.strip() for text in found if text.strip()]


def _number(value: Any) -> float:
    """The first number in a text, or the value itself."""
    if isinstance(value, int | float):
        return float(value)
    found = re.search(r"-?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?", str(value)[:MAX_TEXT])
    if found is None:
        raise ValueError("there is no number in it")
    return float(found[0].replace(",", ""))


def _contains(text: Any, part: Any) -> bool:
    return str(part).casefold() in str(text).casefold()


def _matches(text: Any, pattern: Any) -> bool:
    """Whether the text is like a pattern with ``*`` and ``?``, which cannot take forever."""
    return fnmatchcase(str(text)[:10_000], str(pattern)[:500])


def _rows(value: Any) -> int:
    """How many rows a result has: of a list its entries, of columns those of the longest."""
    if isinstance(value, dict):
        return max(
            (len(column) for column in value.values() if isinstance(column, list)), default=0
        )
    return len(value) if isinstance(value, list) else 0


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes):
        raise TypeError("% fills in no texts: a width there may be as large as all memory")
    return operator.mod(left, right)


OPERATORS = DEFAULT_OPERATORS | {ast.Mod: _remainder}
FUNCTIONS = {
    "len": len,
    "lower": lambda text: str(text).lower(),
    "upper": lambda text: str(text).upper(),
    "number": _number,
    "contains": _contains,
    "matches": _matches,
    "rows": _rows,
}
