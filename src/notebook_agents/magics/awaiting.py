"""Makes a cell wait for ``%agent`` without blocking its kernel.

IPython turns ``%agent x`` into the call ``get_ipython().run_line_magic('agent', 'x')``. In a
kernel this transformer finds those calls in the syntax tree and rewrites them to
``await …run_line_magic('agent_await', 'x')``; since the cell then contains an ``await``, ipykernel
runs it on its event loop, where widgets keep working and Stop cancels cleanly.
Inside a plain ``def`` or ``lambda``, where ``await`` is not allowed, the call stays as it is and
the magic blocks. The same holds for code that a running cell hands back to IPython (``%time``,
``%%capture``), which IPython does not run on the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

AWAITED = {"agent": "agent_await", "agent_sql": "agent_sql_await"}
"""The magics that can be awaited, and the name under which they return an awaitable."""
_RUNNERS = ("run_line_magic", "run_cell_magic")


class AwaitTransformer:
    """An entry of ``input_transformers_post``: lines in, lines out."""

    def __init__(self) -> None:
        self._n_running = 0

    def register(self, shell: Any) -> None:
        """Begin to rewrite the cells of a shell."""
        shell.events.register("pre_execute", self._enter)
        shell.events.register("post_execute", self._leave)
        shell.input_transformers_post.append(self)

    def unregister(self, shell: Any) -> None:
        """Stop rewriting."""
        shell.events.unregister("pre_execute", self._enter)
        shell.events.unregister("post_execute", self._leave)
        shell.input_transformers_post.remove(self)

    def __call__(self, lines: list[str]) -> list[str]:
        """Rewrite a cell, unless it runs inside another one."""
        source = "".join(lines)
        if self._n_running or not any(f"_magic({name!r}" in source for name in AWAITED):
            return lines
        return add_awaits(source).splitlines(keepends=True)

    def _enter(self) -> None:
        self._n_running += 1

    def _leave(self) -> None:
        self._n_running = max(0, self._n_running - 1)


def add_awaits(source: str) -> str:
    """The source with every agent magic awaited wherever Python allows it."""
    try:
        tree = compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return source
    edits: list[tuple[int, int, bytes]] = []
    offsets = _line_offsets(source)
    for call, name in _awaitable_calls(tree):
        start = offsets[call.lineno - 1] + call.col_offset
        end = offsets[(call.end_lineno or 1) - 1] + (call.end_col_offset or 0)
        name_start = offsets[name.lineno - 1] + name.col_offset
        name_end = offsets[(name.end_lineno or 1) - 1] + (name.end_col_offset or 0)
        edits.append((start, start, b"(await "))
        edits.append((name_start, name_end, repr(AWAITED[str(name.value)]).encode()))
        edits.append((end, end, b")"))
    data = source.encode()
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text + data[end:]
    return data.decode()


def _line_offsets(source: str) -> list[int]:
    """Where each line begins, in bytes: the syntax tree counts columns in UTF-8 bytes."""
    offsets = [0]
    for line in source.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _awaitable_calls(
    node: ast.AST, *, can_await: bool = True
) -> Iterator[tuple[ast.Call, ast.Constant]]:
    name = _agent_name(node)
    if can_await and name is not None and isinstance(node, ast.Call):
        yield node, name
    match node:
        case ast.FunctionDef() | ast.Lambda() | ast.ClassDef():
            can_await = False
        case ast.AsyncFunctionDef():
            can_await = True
        case ast.Await():
            node = node.value
    for child in ast.iter_child_nodes(node):
        yield from _awaitable_calls(child, can_await=can_await)


def _agent_name(node: ast.AST) -> ast.Constant | None:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="run_cell_magic"), args=[_, _, ast.Constant(value="")]
        ):
            return None  # IPython refuses an empty body, and should name the magic that was typed
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=runner
            ),
            args=[ast.Constant(value=str(name)) as constant, *_],
        ) if runner in _RUNNERS and name in AWAITED:
            return constant
    return None
