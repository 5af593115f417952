"""What the analysis of a piece of code keeps: names, and what was seen."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from notebook_agents.core.assessments import Risk
from notebook_agents.core.code_guards import PAGE, is_drawn
from notebook_agents.core.code_names import NAMED_SECRET, Scope, Value, live_values
from notebook_agents.core.code_places import is_hot, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_agents.core.code_arguments import Given
    from notebook_agents.core.policy import Effect

WORDS_CHARS = 80
MAX_WALKS = 400
"""Function bodies that one analysis looks into; a call beyond is one that cannot be seen."""
MAX_DEPTH = 12
MAX_STATEMENTS = 50_000
"""Statements read, each time anew in loops and calls."""


class TooLong(Exception):
    """The code is too much to be read in a reasonable time."""


class Reading(ABC):
    """The state of one analysis; subclasses read expressions, calls and statements."""

    def __init__(self, names: Mapping[str, str] | Collection[str], folder: str) -> None:
        self.seen: dict[tuple[int, Risk, str], Effect | None] = {}
        """What was found, by line, risk and words; the effect where it is not the risk's own."""
        self.folder = folder
        self.live = live_values(names)
        kinds = names if isinstance(names, Mapping) else {}
        self.secrets = {name for name, kind in kinds.items() if kind.startswith(NAMED_SECRET)}
        """Variables that are named like secrets."""
        self.module = Scope("module")
        self.scope = self.module
        self.stars: list[str] = []
        """Modules of which everything was imported."""
        self.n_branches = 0
        self.has_moved = False
        """Whether the code changes the working folder."""
        self.returned: list[Value] = []
        self.active: list[ast.AST] = []
        self.n_walks = 0
        self.n_statements = 0

    @abstractmethod
    def value(self, node: ast.expr | None) -> Value:
        """Read an expression; what it stands for."""

    @abstractmethod
    def run(self, body: Sequence[ast.stmt]) -> None:
        """Read statements."""

    @abstractmethod
    def call(self, node: ast.Call) -> Value:
        """Read a call."""

    @abstractmethod
    def walk_into(self, value: Value, given: Given | None, node: ast.AST) -> Value:
        """Read the function or class of this code that is called; its result."""

    def count(self, node: ast.stmt) -> None:
        """Note that a statement is read; TooLong when there are too many, in loops and calls."""
        self.n_statements += 1
        if self.n_statements > MAX_STATEMENTS:
            raise TooLong(f"gave up at line {node.lineno}")

    def see(self, risk: Risk, words: str, node: ast.AST, effect: Effect | None = None) -> None:
        """Note something that the code would do."""
        line = getattr(node, "lineno", 0)
        self.seen.setdefault((line, risk, words), effect)

    def see_write(self, words: str, place: Value, node: ast.AST) -> None:
        """Note that a file is written; one outside the folder, or hot, is more than an edit."""
        spot = "unseen" if self.has_moved else where(place.text, self.folder)
        if spot == "outside":
            self.see("writes_files", f"{words}, outside the working folder", node, "external")
        elif spot == "unseen":
            self.see("writes_files", f"{words}, which cannot be told in advance", node, "external")
        elif place.text is not None and is_hot(place.text):
            self.see("writes_files", f"{words}, which programs may run or read", node, "external")
        else:
            self.see("writes_files", words, node)

    def change(self, value: Value, words: str, node: ast.AST) -> None:
        """Note that a thing changes, if it was there before."""
        if value.kind == "control":
            self.control(words, node)
        elif value.is_live:
            self.see("mutates", words, node)

    def check_told(self, value: Value, node: ast.AST) -> None:
        """Note that all variables are shown or handed on."""
        if value.kind == "namespace":
            self.see("reads", f"hands on all variables: {words_of(node)}", node, "external")

    def control(self, words: str, node: ast.AST) -> None:
        """Note that the code reaches for what decides about code: no policy lets it."""
        text = f"{words}: how agents work and what they may do is the person's to change"
        self.see("shell", text, node, "privileged")

    def find(self, name: str) -> Value | None:
        """What a name stands for; None when nothing says."""
        found = self.scope.find(name)
        return found if found is not None else self.live.get(name)

    def bind(self, name: str, value: Value, node: ast.AST) -> None:
        """Give a name a value."""
        if is_drawn(name):
            self.see("shell", f"{PAGE}: {name}", node)
        home = self.scope.home_of(name)
        before = home.names.get(name)
        if home.kind == "module" and before is None:
            self._note_binding(name, value, node)
        if before is None and home.kind == "module":
            before = self.live.get(name)
        if self.n_branches and before is not None:
            value = before.joined(value)
        home.names[name] = value

    def _note_binding(self, name: str, value: Value, node: ast.AST) -> None:
        live = self.live.get(name)
        if live is None:
            is_import = isinstance(node, ast.Import | ast.ImportFrom | ast.alias)
            self.see("binds", f"imports {name}" if is_import else f"binds {name}", node)
        elif not (live.origin and live.origin == value.origin):
            self.see("mutates", f"rebinds {name}", node)

    def unbind(self, name: str, node: ast.AST) -> None:
        """Take a name away."""
        home = self.scope.home_of(name)
        was_new = home.names.pop(name, None) is not None
        if home.kind == "module" and not was_new and name in self.live:
            self.see("mutates", f"deletes the variable {name}", node)

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Read in another scope."""
        before, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = before

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Read what may not happen, or more than once: what was known stays possible."""
        self.n_branches += 1
        try:
            yield
        finally:
            self.n_branches -= 1


def words_of(node: ast.AST) -> str:
    """The code of a node in one short line, for people."""
    try:
        text = " ".join(ast.unparse(node).split())
    except (ValueError, RecursionError, AttributeError):
        text = "something"
    return text if len(text) <= WORDS_CHARS else f"{text[: WORDS_CHARS - 1]}…"


def is_dotted(node: ast.expr) -> bool:
    """Whether it is a name or attributes of one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def one_of(values: Sequence[Value]) -> Value:
    """What is any of these; nothing known when there is none."""
    if not values:
        return Value()
    joined = values[0]
    for value in values[1:]:
        joined = joined.joined(value)
    return joined
