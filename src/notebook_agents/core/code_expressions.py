"""Reads expressions: what each stands for, and what reaching for it already gives away."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence
from dataclasses import replace

from notebook_agents.core.code_guards import (
    PAGE,
    PLAIN_VARIABLES,
    begins_local,
    is_drawn,
    is_history,
    is_private,
)
from notebook_agents.core.code_knowledge import (
    FUNCTIONS,
    LISTED_MODULES,
    NETWORK_MODULES,
    SHELL_BUILTINS,
    SHELL_MODULES,
    WRITE_MODULES,
)
from notebook_agents.core.code_method_names import (
    ALSO_PURE,
    FORBIDDEN_ATTRIBUTES,
    NETWORK_METHODS,
    PLAIN_DUNDERS,
    SHELL_METHODS,
    TEXT_CODE,
    WRITING_METHODS,
)
from notebook_agents.core.code_names import FRAME, NEVER_CHANGE, NEW, NUMBER, UNKNOWN, Scope, Value
from notebook_agents.core.code_origins import is_control, is_quiet, normal
from notebook_agents.core.code_reading import Reading, is_dotted, one_of, words_of

BUILTINS = frozenset({*dir(builtins), "display"})
COMMON_FIELDS = frozenset({"export", "extract", "save", "dump", "touch"})
"""Names of columns and fields as often as of methods; they count where they are called."""
COPYING_INDEXES = (ast.List, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.ListComp)
"""What a frame is indexed with when it gives a copy: columns, or a condition."""


class Expressions(Reading):
    """Reads expressions, all but calls."""

    def value(self, node: ast.expr | None) -> Value:
        """Read an expression; what it stands for."""
        if node is None:
            return NEW
        reader = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is not None:
            result: Value = reader(node)
            return result
        parts = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return _holding([self.value(part) for part in parts])

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, str):
            if is_drawn(node.value):
                self.see("shell", f"{PAGE}: {node.value}", node)
            elif is_private(node.value, self.folder):
                words = f"names {node.value[:80]}, which may hold secrets"
                self.see("reads", words, node, "external")
            return Value(kind="text", text=node.value)
        return Value(kind="text" if isinstance(node.value, bytes) else "value")

    def _name(self, node: ast.Name) -> Value:
        found = self.find(node.id)
        if node.id in self.secrets and self.scope.find(node.id) is None:
            words = f"uses {node.id}, which is named like a secret"
            self.see("reads", words, node, "external")
        if found is not None:
            if found.node is not None:
                self.walk_into(found, None, node)
            if found.origin:
                self.refer(found.origin, node)
            return found
        if node.id in SHELL_BUILTINS:
            self.see("shell", f"{SHELL_BUILTINS[node.id]}: {node.id}", node)
            return UNKNOWN
        if node.id in BUILTINS:
            return Value(origin=f"builtins.{node.id}", is_live=True)
        if is_history(node.id):
            words = f"reads the source of earlier cells: {node.id}"
            self.see("reads", words, node, "external")
        if not self.stars:
            return UNKNOWN
        self.refer(f"{self.stars[-1]}.{node.id}", node)
        return Value(origin=f"{self.stars[-1]}.{node.id}", is_live=True)

    def _attribute(self, node: ast.Attribute) -> Value:
        """An attribute that is not called here: handing on a function is as good as calling it."""
        base = self.base_of(node)
        found = self.attribute_of(base, node.attr, node)
        if found.origin:
            self.refer(found.origin, node)
        elif base.kind not in NEVER_CHANGE - {"path"}:
            known = WRITING_METHODS.get(node.attr)
            if base.kind == "frame" and node.attr in TEXT_CODE:
                self.see("shell", f"hands on {words_of(node)}, which evaluates text", node)
            elif known and node.attr not in ALSO_PURE | COMMON_FIELDS:
                self.see(known.risk, f"hands on {words_of(node)}", node)
            elif node.attr in NETWORK_METHODS:
                self.see("network", f"hands on {words_of(node)}", node)
            elif node.attr in ALSO_PURE:
                self.see_write(f"hands on {words_of(node)}", NEW, node)
        return found

    def base_of(self, node: ast.Attribute) -> Value:
        """What the attribute is one of."""
        return self.quietly(node.value) if is_dotted(node.value) else self.value(node.value)

    def quietly(self, node: ast.expr) -> Value:
        """What a name or dotted name stands for, without taking it for a use of its own."""
        if isinstance(node, ast.Attribute):
            return self.attribute_of(self.quietly(node.value), node.attr, node)
        if isinstance(node, ast.Name):
            found = self.find(node.id)
            if found is not None:
                return found
        return self.value(node)

    def attribute_of(self, base: Value, name: str, node: ast.AST) -> Value:
        """What an attribute of a thing is; some names alone say enough."""
        if name in FORBIDDEN_ATTRIBUTES and not _is_super(node):
            self.see("shell", f"reaches into Python itself: {name}", node)
            return UNKNOWN
        if name.startswith("__") and name.endswith("__") and name not in PLAIN_DUNDERS:
            self.see("mutates", f"uses {name}", node)
        if base.origin:
            return Value(origin=normal(f"{base.origin}.{name}"), is_live=True)
        if base.kind in {"frame", "control"}:
            return base
        inner = base.fields if base.fields is not None else _names_of_class(base)
        if name in inner:
            found = inner[name]
            return replace(found, fields=base.fields) if found.kind == "function" else found
        if name in SHELL_METHODS and base.kind not in NEVER_CHANGE:
            self.see("shell", f"runs something: {words_of(node)}", node)
        return Value(kind=base.kind, is_live=base.is_live) if base.kind == "array" else base.part

    def refer(self, origin: str, node: ast.AST) -> None:
        """Note that something dangerous of a library is handed on."""
        if is_control(origin) and "." in origin:
            self.control(f"hands on {origin}", node)
            return
        if origin.startswith(("os.environ", "os.getenv")):
            self.see("reads", "hands on the environment, which may hold secrets", node, "external")
            return
        if (known := FUNCTIONS.get(origin)) is not None:
            self.see(known.risk, f"hands on {origin}", node)
            return
        last = origin.rpartition(".")[2]
        if is_quiet(origin) and last in WRITING_METHODS and last not in COMMON_FIELDS:
            self.see(WRITING_METHODS[last].risk, f"hands on {origin}", node, "external")
        if is_quiet(origin):
            if last in TEXT_CODE and origin.startswith("pandas."):
                self.see("shell", f"hands on {origin}, which evaluates text", node)
            return
        self._refer_by_module(origin, origin.partition(".")[0], node)

    def _refer_by_module(self, origin: str, root: str, node: ast.AST) -> None:
        if root == "builtins" and origin.partition(".")[2] not in SHELL_BUILTINS:
            return
        if root in SHELL_MODULES | LISTED_MODULES:
            self.see("shell", f"hands on {origin}, which can do anything", node)
        elif root in NETWORK_MODULES:
            self.see("network", f"hands on {origin}, which uses the network", node)
        elif root in WRITE_MODULES:
            self.see("writes_files", f"hands on {origin}, which writes files", node, "external")

    def _subscript(self, node: ast.Subscript) -> Value:
        base, index = self._holder(node.value), self.value(node.slice)
        if base.origin == "os.environ":
            if index.text not in PLAIN_VARIABLES:
                words = f"reads the environment, which may hold secrets: {words_of(node)}"
                self.see("reads", words, node, "external")
            return Value(kind="text")
        if base.kind == "namespace":
            return self._in_namespace(index, node)
        if base.origin in {"sys.modules", "os.environb"}:
            self.see("shell", f"reaches for a module by name: {words_of(node)}", node)
            return UNKNOWN
        if index.calls and not base.origin and base.kind != "container":
            self.see("mutates", f"hands on a function: {words_of(node)}", node)
        if base.kind == "frame":
            return FRAME if isinstance(node.slice, COPYING_INDEXES) else base
        if base.kind == "array":
            return base
        return base.part

    def _holder(self, node: ast.expr) -> Value:
        """What a subscript is of; the environment itself is not handed on by that."""
        if is_dotted(node) and self.quietly(node).origin == "os.environ":
            return self.quietly(node)
        return self.value(node)

    def _in_namespace(self, index: Value, node: ast.Subscript) -> Value:
        if index.text is None or index.text.startswith("__"):
            self.see("shell", f"reaches for a name that cannot be seen: {words_of(node)}", node)
            return UNKNOWN
        return self._name(ast.copy_location(ast.Name(id=index.text, ctx=ast.Load()), node))

    def _starred(self, node: ast.Starred) -> Value:
        value = self.value(node.value)
        self.elements(value)
        return value

    def _await(self, node: ast.Await) -> Value:
        return self.value(node.value)

    def _yield(self, node: ast.Yield) -> Value:
        self.returned.append(_holding([self.value(node.value)]))
        return UNKNOWN

    def _yieldfrom(self, node: ast.YieldFrom) -> Value:
        self.returned.append(self.value(node.value))
        return UNKNOWN

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.value(node.value)
        self.bind(node.target.id, value, node)
        return value

    def _ifexp(self, node: ast.IfExp) -> Value:
        self.value(node.test)
        return one_of([self.value(node.body), self.value(node.orelse)])

    def _boolop(self, node: ast.BoolOp) -> Value:
        return one_of([self.value(part) for part in node.values])

    def _compare(self, node: ast.Compare) -> Value:
        parts = [self.value(part) for part in (node.left, *node.comparators)]
        return _computed(parts)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        return _computed([self.value(node.operand)])

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Div) and "path" in {left.kind, right.kind}:
            return _joined_path(left, right)
        if isinstance(node.op, ast.Mod) and left.kind == "text":
            return Value(kind="text")
        if left.kind == "text" and isinstance(node.op, ast.Add):
            is_seen = left.text is not None and right.text is not None
            text = f"{left.text}{right.text}" if is_seen else None
            return Value(kind="text", text=text, is_local=left.is_local or begins_local(left.text))
        return _computed([left, right])

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        pieces: list[str | None] = []
        for part in node.values:
            value = self.value(part.value if isinstance(part, ast.FormattedValue) else part)
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                self.value(part.format_spec)
            self.check_told(value, node)
            # A number cannot lead elsewhere: any digit stands for it.
            pieces.append("0" if value.kind == "value" else value.text)
        seen = [piece for piece in pieces if piece is not None]
        if len(seen) == len(pieces):
            return Value(kind="text", text="".join(seen))
        is_address = bool(pieces[0]) and "://" in (pieces[0] or "")
        is_local = begins_local("".join(pieces[: pieces.index(None)]))  # type: ignore[arg-type]
        return Value(kind="url" if is_address else "text", is_local=is_local)

    def _lambda(self, node: ast.Lambda) -> Value:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            self.value(default)
        value = Value(kind="function", node=node, scope=self.scope)
        self.walk_into(value, None, node)
        return value

    def _listcomp(self, node: ast.ListComp) -> Value:
        return self._comprehension(node.generators, [node.elt])

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehension(node.generators, [node.key, node.value])

    def _comprehension(
        self, generators: Sequence[ast.comprehension], results: Sequence[ast.expr]
    ) -> Value:
        with self.inside(Scope("comprehension", self.scope)), self.branch():
            for generator in generators:
                self.assign(generator.target, self.each(generator.iter), inner=True)
                for test in generator.ifs:
                    self.value(test)
            return _holding([self.value(result) for result in results])

    def each(self, node: ast.expr) -> Value:
        """What a loop goes through."""
        if isinstance(node, ast.List | ast.Tuple):
            return one_of([self.value(part) for part in node.elts])
        return self.elements(self.value(node))

    def elements(self, value: Value) -> Value:
        """What iterating over a thing gives."""
        if value.kind == "generator":
            self.see("mutates", "uses up what it goes through", ast.Pass())
        if value.kind in {"frame", "array"}:
            # Columns, groups, rows and plain elements: none of them is the frame itself.
            return Value(is_live=value.is_live and value.kind == "array")
        return value.part

    def assign(self, target: ast.expr, value: Value, *, inner: bool = False) -> None:
        """Read an assignment to whatever stands on the left."""
        match target:
            case ast.Name():
                if inner:
                    self.scope.names[target.id] = value
                else:
                    self.bind(target.id, value, target)
            case ast.Starred():
                self.assign(target.value, value, inner=inner)
            case ast.Tuple() | ast.List():
                self.elements(value)
                for part in target.elts:
                    self.assign(part, value.part, inner=inner)
            case ast.Subscript():
                self._assign_element(target)
                self.put_into(target.value, value)
            case ast.Attribute():
                self._assign_attribute(target, value)
                self.put_into(target.value, value)

    def put_into(self, node: ast.expr, value: Value) -> None:
        """Note that something new now holds what was there before; what is kept may be called."""
        if value.node is not None:
            self.walk_into(value, None, node)
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        holder = self.find(node.id) if isinstance(node, ast.Name) else None
        if holder is None or holder.is_live or holder.kind in {"frame", "array"}:
            return
        if isinstance(node, ast.Name) and value.part.is_live:
            calls = holder.calls or value.calls
            kept = replace(holder, holds_live=True, calls=calls)
            self.scope.home_of(node.id).names[node.id] = kept

    def _assign_element(self, target: ast.Subscript) -> None:
        base, index = self._holder(target.value), self.value(target.slice)
        if base.kind != "namespace":
            self.change(base, f"changes {words_of(target)}", target)
        elif index.text is None:
            self.see(
                "mutates", f"rebinds a variable that cannot be seen: {words_of(target)}", target
            )
        else:
            with self.inside(self.module):
                self.bind(index.text, UNKNOWN, target)

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        base = self.value(target.value)
        if base.fields is not None:
            before = base.fields.get(target.attr)
            base.fields[target.attr] = value if before is None else before.joined(value)
            return
        if target.attr.startswith("__"):
            self.see("shell", f"changes how an object works: {words_of(target)}", target)
        self.change(base, f"changes {words_of(target)}", target)


def _names_of_class(value: Value) -> dict[str, Value]:
    return value.scope.names if value.kind == "class" and value.scope is not None else {}


def _is_super(node: ast.AST) -> bool:
    """Whether it calls what a class of this code is made of."""
    return isinstance(node, ast.Attribute) and words_of(node.value) == "super()"


def _holding(parts: Sequence[Value]) -> Value:
    holds_live = any(part.part.is_live for part in parts)
    return Value(kind="container", holds_live=holds_live, calls=any(p.calls for p in parts))


def _computed(parts: Sequence[Value]) -> Value:
    """The result of an operator: new, and never what it was computed from."""
    kinds = {part.kind for part in parts}
    for kind in ("frame", "array"):
        if kind in kinds:
            return Value(kind=kind)
    if kinds == {"value"}:
        return NUMBER
    held = [part for part in parts if part.kind == "container"]
    is_live = any(part.part.is_live for part in held)
    return Value(holds_live=is_live, calls=any(part.calls for part in held))


def _joined_path(left: Value, right: Value) -> Value:
    if left.text is None or right.text is None:
        is_local = (left.is_local or left.stays_local) and not right.is_guarded
        return Value(kind="path", is_local=is_local)
    return Value(kind="path", text=f"{left.text}/{right.text}", is_local=left.is_local)
