"""Reads calls of methods: what they do by their name and what they belong to."""

from __future__ import annotations

import ast
from dataclasses import replace

from notebook_agents.core.code_arguments import Given
from notebook_agents.core.code_guards import begins_local
from notebook_agents.core.code_knowledge import Known
from notebook_agents.core.code_method_names import (
    ALSO_PURE,
    GENERAL_PURE,
    IMPURE_ON,
    NETWORK_METHODS,
    READERS,
    TEXT_CODE,
    VIEWS,
    WRITING_METHODS,
)
from notebook_agents.core.code_names import NEVER_CHANGE, NEW, NUMBER, UNKNOWN, Value
from notebook_agents.core.code_reading import words_of
from notebook_agents.core.code_sources import Sources, local_start

SQL_METHODS = frozenset({"execute", "executemany", "executescript", "sql", "query", "read_sql"})
CALLING_METHODS = frozenset({"agg", "aggregate", "apply", "applymap", "transform", "pipe"})


class Methods(Sources):
    """Reads calls of methods."""

    def _method(self, base: Value, name: str, given: Given) -> Value:
        words = words_of(given.node.func)
        self._check_inplace(base, words, given)
        self._aggregations(given)
        self._shown_in_page("", given)
        if base.kind == "namespace":
            self.see("mutates", f"changes or hands on all variables: {words}", given.node)
            return UNKNOWN
        if name == "open" and base.kind not in {"frame", "array"}:
            return self._open_path(base, given)
        if (known := WRITING_METHODS.get(name)) is not None:
            return self._writing_method(name, known, base, given)
        self._judge_reading(base, name, given, words)
        self._judge_name(base, name, given, words)
        return self._method_result(base, name, given)

    def _is_pure(self, base: Value, name: str) -> bool:
        if base.kind in NEVER_CHANGE:
            return True
        impure = IMPURE_ON.get(base.kind, frozenset())
        return name in GENERAL_PURE and name not in impure

    def _judge_reading(self, base: Value, name: str, given: Given, words: str) -> None:
        if name in READERS:
            self._read_from(given)
        elif name in {"read_text", "read_bytes"} and base.kind != "text":
            self._open_to_read(base, words.rpartition(".")[0], given.node)

    def _judge_name(self, base: Value, name: str, given: Given, words: str) -> None:
        if name in NETWORK_METHODS:
            self.see("network", f"uses the network: {words}", given.node)
        elif _evaluates_text(base, name, given):
            self._text_code(given, of_columns=base.kind == "frame")
        elif name in SQL_METHODS and base.kind != "frame":
            self._sql(given.at(0), given)
        elif name in {"rename", "replace"} and base.kind == "path":
            target = given.at(0) or NEW
            self.see_write(f"renames a file to {given.shown(0)}", target, given.node)
        elif "**" in given.named and base.kind == "frame":
            self.change(base, f"may change {words.rpartition('.')[0]}: {words}(**…)", given.node)
        elif name == "shuffle" and given.values:
            self.change(given.values[0], f"changes {given.shown(0)}", given.node)
        elif name in CALLING_METHODS and base.kind == "frame":
            self._named_functions(given)
        elif not self._is_pure(base, name):
            self.change(base, f"may change {words.rpartition('.')[0]}: {words}()", given.node)

    def _open_path(self, base: Value, given: Given) -> Value:
        mode = given.at(0, "mode")
        if mode is not None and (mode.text is None or set(mode.text) & set("wax+")):
            where = base if base.kind == "path" else given.at(0) or NEW
            self.see_write(
                f"writes {words_of(given.node.func).rpartition('.')[0]}", where, given.node
            )
        elif base.kind in {"", "callable", "path"}:
            self._open_to_read(base, words_of(given.node.func).rpartition(".")[0], given.node)
        return Value(kind="file")

    def _writing_method(self, name: str, known: Known, base: Value, given: Given) -> Value:
        place = given.at(known.argument, known.keyword)
        is_empty = place is None and given.is_plain
        if name in ALSO_PURE and (is_empty or _is_none(given, known)):
            return Value(kind="text")
        if base.kind in {"text", "value", "url"} and name not in {"unlink"}:
            return Value(kind=base.kind)
        shown = base.text or words_of(given.node.func).rpartition(".")[0]
        if known.risk == "writes_files" and known.argument < 0:
            spot = base if base.kind == "path" else NEW
            if name == "to_clipboard":
                self.see("writes_files", known.words, given.node)
            else:
                self.see_write(known.words.format(base=shown, place=""), spot, given.node)
        elif place is not None and place.kind in {"file", "buffer"}:
            return NEW
        elif name in {"to_sql", "write_database"}:
            self._to_table(known, given)
        else:
            self._report(known, given, base=shown)
        return NEW

    def _to_table(self, known: Known, given: Given) -> None:
        self.see(
            "writes_files",
            known.words.format(place=given.shown(0, known.keyword)),
            given.node,
            "external",
        )

    def _keep(self, given: Given) -> None:
        """A new list or dict that is given something holds it."""
        if isinstance(given.node.func, ast.Attribute):
            for value in given.all:
                self.put_into(given.node.func.value, Value(holds_live=value.part.is_live))

    def _method_result(self, base: Value, name: str, given: Given) -> Value:
        if base.kind in {"frame", "array"}:
            shares = name in VIEWS or name in {"detach", "T"}
            return replace(base, is_live=base.is_live and shares, node=None)
        if base.kind == "database":
            return base
        if base.kind == "container":
            self._keep(given)
        if base.kind == "text":
            return _text_result(base, name, given)
        if base.kind == "path":
            return _path_method(base, name, given)
        if base.kind in NEVER_CHANGE:
            return Value(kind=base.kind)
        if name in {"copy", "keys"}:
            holds_live = base.is_live or base.holds_live
            return Value(kind=base.kind, holds_live=holds_live, calls=base.calls)
        if name in {"mean", "sum", "std", "count", "index", "nunique"}:
            return NEW
        return base.part


def _evaluates_text(base: Value, name: str, given: Given) -> bool:
    """Whether it is a method of a frame that evaluates text, or of what may be one."""
    if base.kind == "frame":
        return name in TEXT_CODE
    text = (given.at(0, "expr") or NEW).text or ""
    if name == "query":  # databases have one as well
        return base.kind == "" and "@" in text and "(" in text
    return name == "eval" and base.kind in {"", "container"} and bool(given.all)


def _is_none(given: Given, known: Known) -> bool:
    named = {keyword.arg: keyword.value for keyword in given.node.keywords}
    place = named.get(known.keyword) or (given.node.args[0] if given.node.args else None)
    return isinstance(place, ast.Constant) and place.value is None


def _path_method(base: Value, name: str, given: Given) -> Value:
    if name == "joinpath" and base.text is not None:
        texts = [value.text for value in given.values]
        if all(text is not None for text in texts):
            return Value(kind="path", text="/".join([base.text, *[text or "" for text in texts]]))
    if name in {"read_text", "read_bytes"}:
        return Value(kind="text")
    if name in {"exists", "is_file", "is_dir", "stat"}:
        return NUMBER
    return Value(kind="path", is_local=local_start(base) and name not in {"expanduser"})


def _text_result(base: Value, name: str, given: Given) -> Value:
    is_plain = name in {"strip", "lower", "upper"} and base.text is not None and not given.values
    if is_plain:
        return Value(kind="text", text=getattr(base.text, name)())
    is_filled = name == "format" and begins_local((base.text or "").partition("{")[0])
    return Value(kind="text", is_local=is_filled)
