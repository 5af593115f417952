"""Reads calls: functions of libraries, methods, builtins, and what this code itself defines."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from notebook_agents.core.code_arguments import Given
from notebook_agents.core.code_guards import SECRET_KEEPERS
from notebook_agents.core.code_knowledge import (
    CHANGES_ARGUMENT,
    FUNCTIONS,
    HOLDING_BUILTINS,
    LISTED_MODULES,
    N_INPUTS,
    NETWORK_MODULES,
    NUMBER_BUILTINS,
    PICKING_BUILTINS,
    SHELL_BUILTINS,
    SHELL_MODULES,
    WRITE_MODULES,
    Known,
    words,
)
from notebook_agents.core.code_method_names import (
    GENERAL_PURE,
    NETWORK_METHODS,
    READERS,
    SHELL_METHODS,
    TEXT_CODE,
    WRITING_METHODS,
)
from notebook_agents.core.code_methods import Methods
from notebook_agents.core.code_names import NEVER_CHANGE, NEW, NUMBER, UNKNOWN, Value
from notebook_agents.core.code_origins import (
    changes_library,
    is_control,
    is_looking,
    is_quiet,
    is_unbound,
)
from notebook_agents.core.code_places import is_address
from notebook_agents.core.code_reading import one_of, words_of
from notebook_agents.core.code_sources import local_start

OPENERS = {
    "io.open": 1, "codecs.open": 1, "io.FileIO": 1, "gzip.open": 1, "bz2.open": 1, "lzma.open": 1,
    "zipfile.ZipFile": 1, "tarfile.open": 1, "h5py.File": 1, "gzip.GzipFile": 1, "bz2.BZ2File": 1,
    "tarfile.TarFile": 1, "lzma.LZMAFile": 1, "pathlib.Path.open": 0,
}  # fmt: skip
"""Functions that open a file, and where their mode stands."""
OTHER_READERS = frozenset(
    {"numpy.load", "numpy.fromfile", "numpy.fromregex", "linecache.getline",
     "linecache.getlines", "xml.etree.ElementTree.parse", "lxml.etree.parse"}
)  # fmt: skip
PATH_MAKERS = ("pathlib.", "os.path.", "glob.")
ORIGIN_KINDS = {"pandas": "frame", "polars": "frame", "geopandas": "frame", "numpy": "array",
                "torch": "array"}  # fmt: skip
KEEPING_MODULES = words("types collections weakref queue contextvars copy dataclasses typing")
SHARING = frozenset(
    f"numpy.{name}"
    for name in words(
        """asarray asanyarray ravel reshape atleast_1d atleast_2d squeeze transpose expand_dims
        broadcast_to swapaxes moveaxis split array_split diagonal real imag frombuffer"""
    )
) | {"torch.from_numpy", "torch.as_tensor"}
"""Functions whose result shares the memory of what they are given."""
TEXT_CODE_ENDS = tuple(f".{name}" for name in TEXT_CODE)
KEEP_CLASSES = frozenset({"functools.partial", "operator.itemgetter"})


class Calls(Methods):
    """Reads calls."""

    def _call(self, node: ast.Call) -> Value:
        return self.call(node)

    def call(self, node: ast.Call) -> Value:
        """Read a call; its result."""
        if isinstance(node.func, ast.Attribute):
            base = self.base_of(node.func)
            callee = self.attribute_of(base, node.func.attr, node.func)
            given = self._given(node)
            if not callee.origin:
                if callee.node is not None:
                    return self.walk_into(callee, given if base.fields is not None else None, node)
                return self._method(base, node.func.attr, given)
        else:
            callee = self.quietly(node.func)
            given = self._given(node)
        if callee.node is not None:
            return self.walk_into(callee, given, node)
        if callee.origin:
            return self._function(callee.origin, given)
        return self._unknown(callee, given)

    def _unknown(self, callee: Value, given: Given) -> Value:
        words = words_of(given.node.func)
        self._check_inplace(callee, words, given)
        if callee.is_live:
            self.see("mutates", f"calls {words}, whose code is not seen here", given.node)
            return UNKNOWN
        return _result_of(given.all)

    # Functions of libraries and builtins

    def _function(self, origin: str, given: Given) -> Value:
        self._check_inplace(UNKNOWN, given.shown(0), given)
        self._aggregations(given)
        self._shown_in_page(origin, given)
        if (known := FUNCTIONS.get(origin)) is not None:
            self._known(origin, known, given)
        elif origin in CHANGES_ARGUMENT:
            self.change(given.at(0) or UNKNOWN, f"changes {given.shown(0)}", given.node)
        elif (out := given.at(N_INPUTS.get(origin, -1))) is not None:
            self.change(out, f"writes its result into {given.shown(N_INPUTS[origin])}", given.node)
        elif self._guarded(origin, given):
            return UNKNOWN
        elif origin in OPENERS or origin == "builtins.open":
            return self._open(origin, given)
        elif is_unbound(origin) and origin.endswith(TEXT_CODE_ENDS):
            self._text_code(given, 1, of_columns=True)
        elif is_unbound(origin) and not is_looking(origin):
            self.change(given.at(0) or NEW, f"may change {given.shown(0)}: {origin}()", given.node)
        elif origin.startswith("builtins."):
            return self._builtin(origin.removeprefix("builtins."), given)
        else:
            self._by_module(origin, given)
        return self._made_by(origin, given)

    def _guarded(self, origin: str, given: Given) -> bool:
        """Whether it is of the product, of secrets, or of what holds for the whole session."""
        if is_control(origin):
            self.control(f"calls {origin}", given.node)
        elif origin in {"os.getenv", "os.environ.get"}:
            self._variable_of_environment(given)
        elif origin.startswith("os.environ.") or origin.partition(".")[0] in SECRET_KEEPERS:
            self.environment(origin, given.node)
        elif changes_library(origin):
            self.see("mutates", f"changes {origin.rpartition('.')[0]}", given.node)
        else:
            return False
        return True

    def _known(self, origin: str, known: Known, given: Given) -> None:
        if origin in {"sqlite3.connect", "duckdb.connect"}:
            self._connect(origin, given)
            return
        if origin == "os.open" and _only_reads(given):
            return
        if origin == "os.chdir":
            self.has_moved = True
        if origin in CHANGES_ARGUMENT:
            self.change(given.at(0) or UNKNOWN, f"changes {given.shown(0)}", given.node)
            return
        if origin == "logging.basicConfig" and "filename" not in given.named:
            return
        if origin == "operator.methodcaller":
            self._named_method(given)
            return
        self._report(known, given)

    def _connect(self, origin: str, given: Given) -> None:
        place = given.at(0, "database")
        if place is None or place.text in {"", ":memory:"}:
            return
        if not is_address(place.text):
            self.read_place(place, given.shown(0, "database"), given.node)
        read_only = next(
            (k.value for k in given.node.keywords if k.arg == "read_only"), ast.Constant(False)
        )
        if isinstance(read_only, ast.Constant) and read_only.value is True:
            return
        if is_address(place.text) or (place.text or "").startswith("md:"):
            self.see("network", f"connects to {given.shown(0, 'database')}", given.node)
        self._report(FUNCTIONS[origin], given)

    def _named_method(self, given: Given) -> None:
        name = (given.at(0) or UNKNOWN).text
        if name is None or name in SHELL_METHODS | TEXT_CODE:
            self.see("shell", f"calls a method by name: {given.shown(0)}", given.node)
        elif (known := WRITING_METHODS.get(name)) is not None:
            self.see(known.risk, f"calls {name}", given.node, "external")
        elif name not in GENERAL_PURE:
            self.see("mutates", f"calls {name}", given.node)

    def _by_module(self, origin: str, given: Given) -> None:
        root = origin.partition(".")[0]
        last = origin.rpartition(".")[2]
        words = f"{origin}({given.shown(0) if given.values else ''})"
        if last in READERS or origin in OTHER_READERS:
            if "allow_pickle" in given.named:
                self._quiet_function(origin, last, given)
            self._read_from(given)
        elif last in {"read_sql", "read_sql_query", "sql", "query", "execute"} and root != "re":
            self._sql(given.at(0), given)
        elif self._is_attribute_getter(origin):
            self._attribute_getter(given)
        elif is_quiet(origin):
            self._quiet_function(origin, last, given)
        elif root in NETWORK_MODULES:
            self.see("network", f"uses the network: {words}", given.node)
        elif root in WRITE_MODULES:
            self.see_write(f"writes with {words}", given.at(0) or NEW, given.node)
        elif root in SHELL_MODULES | LISTED_MODULES:
            self.see("shell", f"can do anything: {words}", given.node)
        else:
            self.see("mutates", f"calls {origin}, whose code is not known", given.node)

    def _quiet_function(self, origin: str, last: str, given: Given) -> None:
        """A library's function by the beginning of its name, for what no table lists."""
        if last in {"open", "get_handle", "fdopen"}:
            self._open(origin, given)
        elif last in SHELL_METHODS or last.startswith(("exec_", "run_command", "runstring")):
            self.see("shell", f"runs something: {origin}", given.node)
        elif (known := WRITING_METHODS.get(last)) is not None:
            if last in {"unlink", "rmdir", "rmtree"}:
                self.see("deletes", f"deletes {given.shown(0)}", given.node)
            elif last != "dump" or len(given.all) == 1:
                self._report(known, given, base=given.shown(0))
            else:
                self._written_into(given)
        elif last.startswith(("fetch_", "download")) or last in NETWORK_METHODS:
            self.see("network", f"loads from the network: {origin}", given.node)
        elif last == "load" and "allow_pickle" in given.named:
            self.see("shell", f"loads {given.shown(0)}, which can run any code", given.node)
        elif last == "HTML" and "<script" in ((given.at(0) or NEW).text or "").lower():
            self.see("shell", "runs JavaScript in the page", given.node)
        elif last == "eval":
            self._text_code(given)

    def _written_into(self, given: Given) -> None:
        target = given.at(1, "fp") or UNKNOWN
        if target.is_live:
            self.see_write(f"writes into {given.shown(1, 'fp')}", NEW, given.node)

    def _is_attribute_getter(self, origin: str) -> bool:
        return origin == "operator.attrgetter"

    def _attribute_getter(self, given: Given) -> None:
        for value in given.values:
            names = (value.text or "").split(".")
            is_bad = any(
                n in SHELL_METHODS or n.startswith("_") or n in WRITING_METHODS for n in names
            )
            if value.text is None or is_bad:
                self.see("shell", f"reaches for attributes by name: {given.shown(0)}", given.node)

    def _open(self, origin: str, given: Given) -> Value:
        mode = given.at(OPENERS.get(origin, 1), "mode")
        place = given.at(0, "file") or given.at(0, "filename") or NEW
        opener = given.named.get("opener")
        if mode is None and not given.is_plain:
            self.see_write(f"may write {given.shown(0, 'file')}", NEW, given.node)
        if mode is not None and (mode.text is None or set(mode.text) & set("wax+")):
            self.see_write(f"writes {given.shown(0, 'file')}", place, given.node)
        if place.kind == "value":
            self.see("shell", f"opens a file by its number: {given.shown(0, 'file')}", given.node)
        if opener is not None:
            self.see("mutates", "opens a file in a way of its own", given.node)
        self._open_to_read(place, given.shown(0, "file"), given.node)
        return Value(kind="file")

    def _builtin(self, name: str, given: Given) -> Value:
        if name in SHELL_BUILTINS:
            self.see("shell", f"{SHELL_BUILTINS[name]}: {words_of(given.node)}", given.node)
            return UNKNOWN
        if name in {"globals", "locals", "vars"}:
            return self._namespace(name, given)
        if name in {"getattr", "setattr", "delattr"}:
            return self._by_name(name, given)
        if name == "next" and given.values and given.values[0].kind not in NEVER_CHANGE:
            self.change(given.values[0], f"goes on in {given.shown(0)}", given.node)
        if name == "print" and (target := given.named.get("file")) and not _is_standard(given):
            self.change(
                replace(target, is_live=target.kind != "file"), "prints into a file", given.node
            )
        return _built(name, given)

    def _namespace(self, name: str, given: Given) -> Value:
        if name == "vars" and given.values:
            self.see("shell", f"reaches into an object: {words_of(given.node)}", given.node)
            return UNKNOWN
        return Value(kind="namespace", is_live=True)

    def _by_name(self, builtin: str, given: Given) -> Value:
        target, name = given.at(0) or UNKNOWN, given.at(1)
        if builtin == "getattr" and name is not None and name.text is not None:
            attribute = ast.Attribute(value=given.node.args[0], attr=name.text, ctx=ast.Load())
            ast.copy_location(attribute, given.node)
            return self.value(ast.fix_missing_locations(attribute))
        if builtin == "getattr":
            self.see(
                "shell",
                f"uses an attribute that cannot be seen: {words_of(given.node)}",
                given.node,
            )
            return UNKNOWN
        if name is None or name.text is None or name.text.startswith("__"):
            self.see("shell", f"changes what cannot be seen: {words_of(given.node)}", given.node)
        self.change(target, f"changes {given.shown(0)}: {words_of(given.node)}", given.node)
        return NEW

    def _made_by(self, origin: str, given: Given) -> Value:
        root = origin.partition(".")[0]
        if origin.startswith(PATH_MAKERS):
            return _path_of(origin, given)
        if origin.startswith("os."):
            return Value(kind="path")
        if origin.endswith("deepcopy"):
            return Value(kind=(given.at(0) or NEW).kind)
        if origin in SHARING:
            return Value(kind="array", is_live=any(value.is_live for value in given.all))
        if origin in {"io.StringIO", "io.BytesIO"}:
            return Value(kind="buffer")
        if root in KEEPING_MODULES | {
            "json",
            "re",
            "math",
            "random",
            "datetime",
            "time",
            "statistics",
            "itertools",
        }:
            return _result_of(given.all)
        if origin in {"duckdb.connect", "sqlite3.connect"}:
            return Value(kind="database")
        if origin in KEEP_CLASSES or origin.startswith(("functools.", "copy.copy", "operator.")):
            return _result_of(given.all)
        return Value(kind=ORIGIN_KINDS.get(root, ""))


def _only_reads(given: Given) -> bool:
    flags = given.node.args[1] if len(given.node.args) > 1 else None
    return flags is not None and words_of(flags) in {"os.O_RDONLY", "0"}


def _is_standard(given: Given) -> bool:
    target = next(k.value for k in given.node.keywords if k.arg == "file")
    return words_of(target) in {"sys.stdout", "sys.stderr", "None"}


def _result_of(parts: Sequence[Value]) -> Value:
    """Something new that may hold what it was made from."""
    return Value(holds_live=any(part.is_live or part.holds_live for part in parts))


def _built(name: str, given: Given) -> Value:
    first = given.at(0) or NEW
    if name in NUMBER_BUILTINS:
        return NUMBER
    if name in {"str", "repr", "format", "ascii", "input", "chr", "hex"}:
        return Value(kind="text", text=first.text if name == "str" else None)
    if name in HOLDING_BUILTINS:
        if first.kind in NEVER_CHANGE and len(given.values) == 1:
            return Value(kind=first.kind)
        return Value(kind="container", holds_live=any(_lends(value) for value in given.all))
    if name == "type" and first.is_live and not first.kind:
        return UNKNOWN
    if name in PICKING_BUILTINS:
        return one_of([value.part for value in given.values])
    return NEW


def _lends(value: Value) -> bool:
    """Whether what is made from it may hold parts of what was there before."""
    return value.part.is_live and value.kind not in {"frame", "array"}


def _path_of(origin: str, given: Given) -> Value:
    texts = [value.text for value in given.values]
    if origin.endswith(("exists", "isfile", "isdir", "getsize", "getmtime")):
        return NUMBER
    if origin in {"pathlib.Path", "pathlib.PurePath", "os.path.join", "pathlib.PosixPath"}:
        if not texts:
            return Value(kind="path", text=".")
        seen = [text for text in texts if text is not None]
        is_address_ = any(value.kind == "url" for value in given.values)
        kind = "url" if is_address_ else "path"
        text = "/".join(seen) if len(seen) == len(texts) else None
        return Value(kind=kind, text=text, is_local=_is_below(origin, given.values))
    return Value(kind="path", is_local=_is_below(origin, given.values))


def _is_below(origin: str, values: Sequence[Value]) -> bool:
    """Whether a path begins where it can be seen, and its parts do not lead away."""
    if origin == "os.path.expanduser" or not values or any(one.is_guarded for one in values[1:]):
        return False
    return local_start(values[0]) or values[0].stays_local
