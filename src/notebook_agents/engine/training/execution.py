"""Executes calls for tests and evaluation: real Python, real DuckDB, a real folder.

The product's tools stand on the same libraries with limits and a kernel around them; this module
has none of that and must only see calls on its own made-up files.
"""

from __future__ import annotations

import ast
import contextlib
import io
import signal
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from inspect import ismodule
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd

from notebook_agents.core.formatting import MAX_ROWS, format_table, more_line
from notebook_agents.engine.training.conversation import (
    INSPECTOR,
    LISTER,
    PYTHON,
    READER,
    SQL,
    Call,
    Conversation,
    Step,
)  # fmt: skip
from notebook_agents.engine.training.fixtures import Column, Table
from notebook_agents.engine.training.listings import NOTHING
from notebook_agents.engine.training.plotting import FIGURE
from notebook_agents.engine.training.scene import MOST_CHARS, as_shown
from notebook_agents.tools.inspecting import described
from notebook_agents.tools.reading import list_folder, read_lines

LONGEST_S = 30
"""How long code of a call may run, whatever the call says."""


class Workspace:
    """A folder with the files of one conversation and a namespace with its dataframes.

    It is a context manager: in the end its database is closed.
    """

    def __init__(self, folder: Path, conversation: Conversation | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.database = duckdb.connect(config={"threads": 1})
        self.database.execute("SET preserve_insertion_order = true")
        if conversation is not None:
            self._fill(conversation)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def run(self, call: Call) -> str:
        """Execute a call; a failure gives a text that begins with `Error: `."""
        tools: dict[str, Callable[..., str]] = {
            PYTHON: self._python,
            SQL: self._query,
            READER: self._read,
            LISTER: self._list,
            INSPECTOR: self._inspect,
        }
        if call.name not in tools:
            return f"Error: there is no tool {call.name}"
        try:
            with contextlib.chdir(self.folder):
                return str(tools[call.name](**call.arguments))[:MOST_CHARS]
        except Exception as error:  # noqa: BLE001
            return f"Error: {type(error).__name__}: {error}"

    def add_table(self, path: str, table: Table) -> None:
        """Write a table as CSV or Parquet."""
        place = self._place(path)
        text = pd.DataFrame(list(table.rows), columns=table.names).to_csv(index=False)
        if place.suffix != ".parquet":
            place.write_text(text, encoding="utf-8")
            return
        source = place.with_suffix(".source")
        source.write_text(text, encoding="utf-8")
        quoted = [str(p).replace("'", "''") for p in (source, place)]
        self.database.execute(f"COPY (FROM read_csv('{quoted[0]}')) TO '{quoted[1]}'")
        source.unlink()

    def add_text(self, path: str, text: str) -> None:
        """Write a text file."""
        self._place(path).write_text(text, encoding="utf-8")

    def _fill(self, conversation: Conversation) -> None:
        for name, table in conversation.frames.items():
            frame = pd.DataFrame(list(table.rows), columns=table.names)
            self.namespace[name] = frame
        steps = [step for exchange in conversation.exchanges for step in exchange.steps]
        for step in steps:
            self._add_listed(step)
        self._add_read(steps)
        for path, text in conversation.texts.items():
            if not (self.folder / path).exists():
                self.add_text(path, text)
        for path, table in conversation.tables.items():
            self.add_table(path, table)

    def _add_listed(self, step: Step) -> None:
        """Make the files that a reference listing shows."""
        if step.call.name != LISTER or step.result.startswith("Error: "):
            return
        self._place(f"{step.call.arguments['path']}/x")
        for path in _lines(step.result) if step.result != NOTHING else []:
            if path.endswith("/"):
                self._place(f"{path}x")
            elif _is_table(path):
                self.add_table(path, _SAMPLE)
            else:
                self.add_text(path, "a\nb")

    def _add_read(self, steps: Iterable[Step]) -> None:
        """Make the files whose lines reference results show, all that was read of each."""
        found: dict[str, dict[int, str]] = defaultdict(dict)
        for step in steps:
            if step.call.name == READER and not step.result.startswith("Error: "):
                start = int(str(step.call.arguments.get("start_line", 1)))
                numbered = dict(enumerate(_lines(step.result), start))
                found[str(step.call.arguments["path"])].update(numbered)
        for path, lines in found.items():
            whole = (lines.get(number, "-") for number in range(1, max(lines, default=0) + 1))
            self.add_text(path, "\n".join(whole))

    def _place(self, path: str) -> Path:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _python(self, code: str, timeout: float = LONGEST_S) -> str:
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        output = io.StringIO()
        with contextlib.redirect_stdout(output), _limited(timeout), warnings.catch_warnings():
            # Short code of users leaves its files open.
            warnings.simplefilter("ignore", ResourceWarning)
            exec(compile(tree, "<call>", "exec"), self.namespace)  # noqa: S102
            if isinstance(last, ast.Expr):
                code_of_last = compile(ast.Expression(last.value), "<call>", "eval")
                value = eval(code_of_last, self.namespace)  # noqa: S307
                output.write("" if value is None else _shown(value))
        printed = output.getvalue().strip()
        return as_shown(printed, "lines")

    def _query(self, query: str) -> str:
        found = self.database.execute(query)
        columns, rows = [c[0] for c in found.description], found.fetchall()
        return as_shown(format_table(columns, rows, max_rows=len(rows)), "rows", MAX_ROWS + 1)

    def _read(self, path: str, start_line: int = 1, max_lines: int = 200) -> str:
        found = read_lines(".", path, start_line, max_lines)
        rest = found["n_lines"] - (start_line - 1) - len(found["lines"])
        return "\n".join([*found["lines"], *([more_line(rest, "lines")] if rest > 0 else [])])

    def _list(self, path: str = ".", pattern: str = "*") -> str:
        found = list_folder(".", path, pattern)["files"]
        rest = len(found) - MAX_ROWS
        more = [more_line(rest, "files")] if rest > 0 else []
        return "\n".join([*found[:MAX_ROWS], *more]) or NOTHING

    def _inspect(self, name: str) -> str:
        if name not in self.namespace:
            made = [n for n, v in self.namespace.items() if n[0] != "_" and not ismodule(v)]
            here = ", ".join(made) or "none"
            return f"Error: there is no variable {name!r}; variables here: {here}"
        found = described(self.namespace[name])
        more = [more_line(found.n_more, "columns")] if found.n_more else []
        return "\n".join([*found.lines, *more])


_SAMPLE = Table((Column("name", "word"), Column("size", "int")), (("a", 1), ("b", 2)))


def _lines(result: str) -> list[str]:
    """The lines of a result without the one that says how many were left out."""
    return [line for line in result.split("\n") if not line.startswith("... ")]


def _is_table(path: str) -> bool:
    return path.endswith((".csv", ".parquet"))


def _shown(value: object) -> str:
    return FIGURE if type(value).__module__ == "plotly.graph_objs._figure" else repr(value)


class _TimeUp(BaseException):
    """No ``except Exception`` of the code stops it."""


@contextlib.contextmanager
def _limited(timeout_s: float) -> Iterator[None]:
    """Raise TimeoutError in code that runs too long; works on the main thread alone."""

    def stop(_signal: int, _frame: object) -> None:
        raise _TimeUp

    handler = signal.signal(signal.SIGALRM, stop)
    # Again and again: code may catch the first ones.
    timer = signal.setitimer(signal.ITIMER_REAL, min(max(timeout_s, 0.01), LONGEST_S), 0.1)
    try:
        yield
    except _TimeUp:
        raise TimeoutError("the code ran too long") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
