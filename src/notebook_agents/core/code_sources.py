"""Reads where data comes from: files, addresses, the environment; and what goes into the page."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from notebook_agents.core.code_arguments import Arguments, Given
from notebook_agents.core.code_guards import (
    MEDIA,
    PAGE,
    PAGE_MAKERS,
    PLAIN_VARIABLES,
    REDUCTIONS,
    begins_local,
    is_private,
    may_leave,
)
from notebook_agents.core.code_knowledge import CHANGING_METHODS
from notebook_agents.core.code_method_names import WRITING_METHODS
from notebook_agents.core.code_names import UNKNOWN, Value
from notebook_agents.core.code_reading import words_of

SOURCE_KEYWORDS = (
    "filepath_or_buffer", "path_or_buffer", "path_or_buf", "path", "source", "io", "file",
    "filename", "fname", "fp", "url",
)  # fmt: skip
QUIET_KINDS = frozenset({"file", "buffer"})
NOT_FUNCTIONS = frozenset({"frame", "array", "value", "function"})


class Sources(Arguments):
    """Reads what is read."""

    def _read_from(self, given: Given) -> None:
        keyword = next((name for name in SOURCE_KEYWORDS if name in given.named), "")
        place = given.at(0, keyword)
        if place is None:
            place = next(iter(given.named.values()), None)
        if place is None:
            return
        shown = given.shown(0, keyword)
        if not given.is_plain or not self.read_place(place, shown, given.node):
            self.see("network", f"reads {shown}, which may be an address", given.node)

    def read_place(self, place: Value, shown: str, node: ast.AST) -> bool:
        """Whether it can be told what is read; notes what is more than data of the person."""
        if place.kind in QUIET_KINDS:
            return True
        if place.kind == "url" or may_leave(place.text or ""):
            self.see("network", f"reads {shown}", node)
        elif place.text is not None:
            if is_private(place.text, self.folder, is_path=True):
                self.see("reads", f"reads {shown}, which may hold secrets", node, "external")
        elif place.kind == "path" and not place.is_local:
            self.see("reads", f"reads {shown}, which cannot be told in advance", node, "external")
        else:
            return place.is_local
        return True

    def _open_to_read(self, place: Value, shown: str, node: ast.AST) -> None:
        if place.kind != "value" and not self.read_place(place, shown, node):
            words = f"opens {shown}, which cannot be told in advance"
            self.see("reads", words, node, "external")

    def _variable_of_environment(self, given: Given) -> None:
        name = (given.at(0, "key") or UNKNOWN).text
        if name not in PLAIN_VARIABLES:
            self.environment(given.shown(0, "key"), given.node)

    def environment(self, shown: str, node: ast.AST) -> None:
        """Note that variables of the environment are read."""
        words = f"reads the environment, which may hold secrets: {shown}"
        self.see("reads", words, node, "external")

    # The page

    def _shown_in_page(self, origin: str, given: Given) -> None:
        """What a display function or object would put where scripts run."""
        raw = next((k.value for k in given.node.keywords if k.arg == "raw"), None)
        is_raw = raw is not None and not (isinstance(raw, ast.Constant) and not raw.value)
        last = origin.rpartition(".")[2]
        is_page = origin.startswith(("IPython.", "ipywidgets."))
        if is_raw or (is_page and last in PAGE_MAKERS):
            self.see("shell", f"{PAGE}: {words_of(given.node)}", given.node)
        elif is_page and last == "Markdown":
            text = (given.at(0, "data") or UNKNOWN).text
            if text is None or "<" in text or "![" in text:
                self.see("shell", f"{PAGE}: {words_of(given.node)}", given.node)
        elif is_page and last in MEDIA:
            self._media(given)

    def _media(self, given: Given) -> None:
        keyword = "filename" if "filename" in given.named else "data"
        place = given.at(0, keyword)
        is_seen = place is None or place.kind in {"array", "file", "buffer"} or place.is_local
        is_seen |= place is not None and place.text is not None and not may_leave(place.text)
        if "url" in given.named or not given.is_plain or not is_seen:
            self.see("shell", f"{PAGE}: {words_of(given.node)}", given.node)

    # Functions that frames are given to call

    def _named_functions(self, given: Given) -> None:
        """Frames call methods whose names they are given: ``df.agg("to_csv")``."""
        named = given.node.keywords
        first = next((k.value for k in named if k.arg in {"func", "function"}), None)
        if first is None and given.node.args:
            first = given.node.args[0]
        for part in _functions_in(first):
            self._called_by_frame(part, given)
        for keyword in named:
            self._named_aggregation(keyword.value, given)
        for inner in ast.walk(given.node):
            text = inner.value if isinstance(inner, ast.Constant) else None
            known = WRITING_METHODS.get(text) if isinstance(text, str) else None
            if known is not None:
                self.see(known.risk, f"calls {text!r} by its name", given.node, "external")

    def _named_aggregation(self, node: ast.expr, given: Given) -> None:
        """``total=("a", "sum")``: a column, and what is called."""
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            self._called_by_frame(node.elts[1], given)

    def _called_by_frame(self, node: ast.expr, given: Given) -> None:
        if isinstance(node, ast.Lambda):
            return
        value = self.value(node)
        if value.text is not None:
            is_known = value.text in REDUCTIONS
        elif value.origin:
            is_known = value.origin.rpartition(".")[2] not in CHANGING_METHODS
        else:
            is_known = value.kind in NOT_FUNCTIONS
        if not is_known:
            words = f"calls {words_of(node)} by its name, which may change something"
            self.see("mutates", words, given.node)

    def _aggregations(self, given: Given) -> None:
        """``pivot_table(aggfunc=…)`` calls what it is given as well."""
        for keyword in given.node.keywords:
            if keyword.arg == "aggfunc":
                for part in _functions_in(keyword.value):
                    self._called_by_frame(part, given)


def _functions_in(node: ast.expr | None) -> Iterator[ast.expr]:
    match node:
        case None:
            return
        case ast.List() | ast.Tuple() | ast.Set():
            for part in node.elts:
                yield from _functions_in(part)
        case ast.Dict():
            for part in node.values:
                yield from _functions_in(part)
        case ast.Call() if words_of(node.func).endswith("NamedAgg"):
            yield from [k.value for k in node.keywords if k.arg == "aggfunc"] or node.args[1:2]
        case _:
            yield node


def local_start(value: Value) -> bool:
    """Whether a path that begins with it stays a path of this machine."""
    return value.is_local or begins_local(value.text)
