"""What a statement does, by the tree that the database's own parser makes of it.

Its text does not tell: blanks, comments and names are written in more ways than anybody lists. What
is not known to read is taken for something that writes.
"""

from __future__ import annotations

import re

TREE_SQL = "SELECT json_serialize_sql($sql)"
"""Gives the tree of one SELECT, as JSON, without running it; of others, an error as JSON."""
_READING = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_RUNNING = frozenset({"query", "json_execute_serialized_sql"})
"""Functions that run what stands in a text, which is not in the tree."""
# Quotes inside of a JSON text stand behind a backslash, so neither is found in what somebody wrote.
_NODE = re.compile(r'"type":"(\w+_NODE)"')
_FUNCTION = re.compile(r'"function_name":"((?:[^"\\]|\\.)*)"')


def what_writes(tree: str) -> str:
    """The part of a SELECT that does more than read, in a word; empty where there is none.

    ``WITH a AS (COPY …)`` has one, which DuckDB runs with the SELECT.
    """
    nodes = _NODE.findall(tree)
    if not nodes:
        return "this"
    for node in nodes:
        if node not in _READING:
            word: str = node.partition("_")[0]
            return word
    called = (name.lower() for name in _FUNCTION.findall(tree))
    return next((f"{name}()" for name in called if name in _RUNNING), "")
