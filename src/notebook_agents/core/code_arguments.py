"""The arguments of a call, and what those say that are code themselves: SQL, commands, queries."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from notebook_agents.core.code_expressions import Expressions
from notebook_agents.core.code_guards import PAGE, is_drawn, is_history
from notebook_agents.core.code_knowledge import CHANGING_METHODS, Known
from notebook_agents.core.code_names import NEW, UNKNOWN, Value
from notebook_agents.core.code_origins import is_quiet
from notebook_agents.core.code_queries import names_in
from notebook_agents.core.code_reading import words_of
from notebook_agents.core.command_effects import assess_command
from notebook_agents.core.sql_effects import assess_sql

ASKING = frozenset(
    {
        "isinstance",
        "issubclass",
        "callable",
        "type",
        "help",
        "dir",
        "id",
        "len",
        "print",
        "repr",
        "str",
    }
)
"""Builtins that never call what they are given; under another meaning their own call is seen."""


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a call."""

    node: ast.Call
    values: tuple[Value, ...]
    named: dict[str, Value]

    def at(self, position: int, keyword: str = "") -> Value | None:
        """An argument by position or name."""
        if keyword and keyword in self.named:
            return self.named[keyword]
        return self.values[position] if 0 <= position < len(self.values) else None

    def shown(self, position: int, keyword: str = "") -> str:
        """The code of an argument, for people."""
        found: ast.expr | None = None
        if 0 <= position < len(self.node.args):
            found = self.node.args[position]
        found = next((k.value for k in self.node.keywords if keyword and k.arg == keyword), found)
        value = self.at(position, keyword)
        if value is not None and value.text is not None:
            return " ".join(value.text.split())[:80]
        return words_of(found) if found is not None else "something"

    @property
    def is_plain(self) -> bool:
        """Whether each argument stands where it is given."""
        stars = any(isinstance(argument, ast.Starred) for argument in self.node.args)
        return not stars and "**" not in self.named

    @property
    def all(self) -> tuple[Value, ...]:
        """Every argument."""
        return (*self.values, *self.named.values())


class Arguments(Expressions):
    """Reads what calls are given."""

    def _given(self, node: ast.Call) -> Given:
        node = _written_out(node)
        values = tuple(self.value(argument) for argument in node.args)
        named = {keyword.arg or "**": self.value(keyword.value) for keyword in node.keywords}
        is_asking = isinstance(node.func, ast.Name) and node.func.id in ASKING
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(argument, ast.Attribute) and argument.attr in CHANGING_METHODS:
                self.change(self.base_of(argument), f"hands on {words_of(argument)}", node)
        for name in filter(is_drawn, named):
            self.see("shell", f"{PAGE}: {name}", node)
        for value in (*values, *named.values()):
            if value.kind == "generator" and not is_asking:
                self.change(value, f"uses up {words_of(node)}", node)
            self.check_told(value, node)
            if value.calls and not is_asking:
                self.see("mutates", f"hands on a function: {words_of(node)}", node)
        return Given(node, values, named)

    def _check_inplace(self, base: Value, words: str, given: Given) -> None:
        for keyword in given.node.keywords:
            is_off = isinstance(keyword.value, ast.Constant) and not keyword.value.value
            if keyword.arg == "inplace" and not is_off:
                self.change(
                    base, f"changes {words.rpartition('.')[0] or words} in place", given.node
                )
            elif keyword.arg == "out" and not is_off:
                self.change(given.named["out"], f"changes {words_of(keyword.value)}", given.node)

    def _report(self, known: Known, given: Given, base: str = "") -> None:
        place = given.at(known.argument, known.keyword)
        shown = given.shown(known.argument, known.keyword)
        words = known.words.format(place=shown, base=base)
        if known.risk == "writes_files":
            self.see_write(words, place or NEW, given.node)
            return
        self.see(known.risk, words, given.node)
        if known.risk == "shell" and known.argument >= 0:
            self._look_at_command(place, given.node)

    def _look_at_command(self, place: Value | None, node: ast.Call) -> None:
        text = place.text if place else None
        if text is None and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            words = [part.value for part in node.args[0].elts if isinstance(part, ast.Constant)]
            text = " ".join(str(word) for word in words)
        for finding in assess_command(text or "").findings:
            if finding.risk in {"deletes", "network"}:
                self.see(finding.risk, finding.text, node)

    def _sql(self, place: Value | None, given: Given) -> None:
        if place is None or place.text is None:
            self.see("mutates", f"runs SQL that cannot be seen: {given.shown(0)}", given.node)
            return
        for finding in assess_sql(place.text, self.folder).findings:
            outside = "outside" in finding.text or "cannot" in finding.text
            effect = "external" if outside and finding.risk == "writes_files" else None
            self.see(finding.risk, finding.text, given.node, effect)  # type: ignore[arg-type]

    def _text_code(self, given: Given, position: int = 0, *, of_columns: bool = False) -> None:
        """What pandas evaluates: ``df.query(…)`` of columns, ``pd.eval(…)`` of variables."""
        text = (given.at(position, "expr") or UNKNOWN).text
        shown = given.shown(position, "expr")
        if text is None or not given.is_plain:
            self.see("shell", f"evaluates text that cannot be seen: {shown}", given.node)
            return
        of_columns &= given.named.keys() <= {"expr", "inplace", "engine"}
        names = names_in(text, of_columns=of_columns)
        if names is None or any(self._is_own_function(name) for name in names.called):
            self.see("shell", f"evaluates text that may call functions: {shown}", given.node)
        for name in sorted(names.used) if names else ():
            is_secret = name in self.secrets and self.scope.find(name) is None
            if is_secret or is_history(name):
                words = f"uses {name}, which may hold secrets, in a text that is evaluated"
                self.see("reads", words, given.node, "external")

    def _is_own_function(self, name: str) -> bool:
        found = self.find(name)
        return found is not None and not is_quiet(found.origin)


def _written_out(node: ast.Call) -> ast.Call:
    """The call with what stands in ``*[…]`` and ``**{…}`` as arguments of its own."""
    arguments: list[ast.expr] = []
    for argument in node.args:
        inner = argument.value if isinstance(argument, ast.Starred) else None
        arguments += inner.elts if isinstance(inner, ast.List | ast.Tuple) else [argument]
    keywords = [part for keyword in node.keywords for part in _keywords_in(keyword)]
    return ast.copy_location(ast.Call(node.func, arguments, keywords), node)


def _keywords_in(keyword: ast.keyword) -> list[ast.keyword]:
    found = keyword.value
    if keyword.arg is not None or not isinstance(found, ast.Dict):
        return [keyword]
    names = [key.value if isinstance(key, ast.Constant) else None for key in found.keys]
    return [
        ast.keyword(arg=name if isinstance(name, str) else None, value=value)
        for name, value in zip(names, found.values, strict=True)
    ]
