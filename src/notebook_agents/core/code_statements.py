"""Reads statements, and walks into the functions and classes that the code defines and uses."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from notebook_agents.core.code_arguments import Given
from notebook_agents.core.code_calls import Calls
from notebook_agents.core.code_knowledge import (
    INSTALLED_MODULES,
    LISTED_MODULES,
    NETWORK_MODULES,
    QUIET_MODULES,
    SHELL_MODULES,
    WRITE_MODULES,
)
from notebook_agents.core.code_names import NEW, UNKNOWN, Scope, Value
from notebook_agents.core.code_reading import MAX_DEPTH, MAX_WALKS, one_of, words_of

KNOWN_MODULES = QUIET_MODULES | LISTED_MODULES | NETWORK_MODULES | SHELL_MODULES | WRITE_MODULES
EASTER_EGGS = frozenset({"antigravity", "this"})
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Statements(Calls):
    """Reads statements."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in body:
            self.count(statement)
            reader = getattr(self, f"_do_{type(statement).__name__.lower()}", None)
            if reader is not None:
                reader(statement)
            else:
                self._do_other(statement)

    def _do_other(self, node: ast.stmt) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.check_told(self.value(child), child)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self._right_side(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _right_side(self, node: ast.expr | None) -> Value:
        """A function on the right is given another name, not called."""
        if isinstance(node, ast.Name):
            found = self.scope.find(node.id)
            if found is not None and found.node is not None:
                return found
        return self.value(node)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        self.value(node.annotation)
        if node.value is not None:
            self.assign(node.target, self._right_side(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        value = self.value(node.value)
        target = node.target
        if not isinstance(target, ast.Name):
            self.assign(target, value)
            return
        before = self.find(target.id) or UNKNOWN
        if before.kind in {"value", "text", "url", "path"}:
            self.bind(target.id, replace(before, text=None), node)
            return
        self.change(before, f"changes {target.id}", node)
        self.bind_again(target.id, before)

    def bind_again(self, name: str, value: Value) -> None:
        """Keep a name that an operator assigned anew to the thing it has changed in place."""
        self.scope.home_of(name).names.setdefault(name, value)

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._delete(target)

    def _delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name():
                self.unbind(target.id, target)
            case ast.Tuple() | ast.List():
                for part in target.elts:
                    self._delete(part)
            case _:
                self.assign(target, NEW)

    def _do_for(self, node: ast.For | ast.AsyncFor) -> None:
        elements = self.each(node.iter)
        with self.branch():
            for _ in range(2):  # what comes later in the body happens before what comes earlier
                self.assign(node.target, elements)
                self.run(node.body)
            self.run(node.orelse)

    _do_asyncfor = _do_for

    def _do_while(self, node: ast.While) -> None:
        with self.branch():
            for _ in range(2):
                self.value(node.test)
                self.run(node.body)
            self.run(node.orelse)

    def _do_if(self, node: ast.If) -> None:
        self.value(node.test)
        with self.branch():
            self.run(node.body)
            self.run(node.orelse)

    def _do_try(self, node: ast.Try) -> None:
        with self.branch():
            self.run(node.body)
            for handler in node.handlers:
                self.value(handler.type)
                if handler.name:
                    self.bind(handler.name, NEW, handler)
                self.run(handler.body)
            self.run(node.orelse)
            self.run(node.finalbody)

    _do_trystar = _do_try

    def _do_with(self, node: ast.With | ast.AsyncWith) -> None:
        for entry in node.items:
            value = self.value(entry.context_expr)
            if entry.optional_vars is not None:
                self.assign(entry.optional_vars, value)
        self.run(node.body)

    _do_asyncwith = _do_with

    def _do_match(self, node: ast.Match) -> None:
        value = self.value(node.subject)
        with self.branch():
            for case in node.cases:
                self._match_pattern(case.pattern, value)
                self.value(case.guard)
                self.run(case.body)

    def _match_pattern(self, pattern: ast.pattern, value: Value) -> None:
        for part in ast.walk(pattern):
            name = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(name, str):
                self.bind(name, value.part if part is not pattern else value, part)
            elif isinstance(part, ast.expr):
                self.value(part)

    def _do_return(self, node: ast.Return) -> None:
        value = self._right_side(node.value)
        if value.node is not None:
            self.walk_into(value, None, node)
        self.returned.append(value)

    def _do_global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.borrowed.update(node.names)

    _do_nonlocal = _do_global

    # Imports

    def _do_import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._check_module(alias.name, node)
            name = alias.asname or alias.name.partition(".")[0]
            origin = alias.name if alias.asname else name
            self.bind(name, Value(origin=origin, is_live=True), node)

    def _do_importfrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            module = f".{module}"
        if module == "__future__":
            return
        self._check_module(module, node)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module, node)
                continue
            origin = self.attribute_of(Value(origin=module), alias.name, node).origin
            self.bind(alias.asname or alias.name, Value(origin=origin, is_live=True), node)

    def _import_all(self, module: str, node: ast.ImportFrom) -> None:
        self.stars.append(module)
        self.see("mutates", f"imports everything of {module}, which may rebind any name", node)
        if module.partition(".")[0] in SHELL_MODULES | LISTED_MODULES | WRITE_MODULES:
            self.see("shell", f"imports everything of {module}", node)

    def _check_module(self, module: str, node: ast.AST) -> None:
        root = module.partition(".")[0]
        is_known = root in KNOWN_MODULES or (root in INSTALLED_MODULES and root not in EASTER_EGGS)
        roots = {value.origin.partition(".")[0] for value in self.live.values()}
        is_loaded = bool(root) and root in roots
        if not is_known and not is_loaded:
            self.see("shell", f"imports {module}, whose code is not known", node)

    # Functions and classes of the code

    def _do_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            self.value(default)
        for annotation in _annotations(node):
            self.value(annotation)
        value = Value(kind="function", node=node, scope=self.scope)
        for decorator in reversed(node.decorator_list):
            value = self._decorated(decorator, value, node)
        self.bind(node.name, value, node)

    _do_asyncfunctiondef = _do_functiondef

    def _decorated(self, decorator: ast.expr, value: Value, node: ast.stmt) -> Value:
        """What a decorator makes of a function: it may call it, or do something of its own."""
        maker = self.value(decorator)
        if maker.node is not None:
            self.walk_into(maker, None, node)
            self.walk_into(value, None, node)
        elif not maker.origin and maker.is_live:
            self.see("mutates", f"calls {words_of(decorator)}, whose code is not seen here", node)
        elif maker.origin and not maker.origin.startswith("builtins."):
            self.refer(maker.origin, node)
        return value

    def _do_classdef(self, node: ast.ClassDef) -> None:
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.value(base)
        scope = Scope("class", self.scope)
        with self.inside(scope):
            self.run(node.body)
        value = Value(kind="class", node=node, scope=scope)
        for decorator in node.decorator_list:
            self._decorated(decorator, value, node)
        self.bind(node.name, value, node)

    def walk_into(self, value: Value, given: Given | None, node: ast.AST) -> Value:
        """Read what is called; its result. Without ``given`` nobody knows with what."""
        target = value.node
        if target is None or target in self.active:
            return UNKNOWN
        self.n_walks += 1
        if self.n_walks > MAX_WALKS or len(self.active) >= MAX_DEPTH:
            self.see("mutates", "calls too much to be followed", node)
            return UNKNOWN
        self.active.append(target)
        try:
            if isinstance(target, ast.ClassDef):
                return self._walk_class(value, given)
            if isinstance(target, Function):
                return self._walk_function(target, value, given)
            return UNKNOWN
        finally:
            self.active.pop()

    def _walk_class(self, value: Value, given: Given | None) -> Value:
        """Whoever has an object may have any of its methods called, in any order."""
        scope = value.scope or self.scope
        methods = {name: method for name, method in scope.names.items() if method.node is not None}
        own = Value(kind="own", fields=dict(scope.names))
        for _ in range(2):
            for name, method in methods.items():
                bound = replace(method, fields=own.fields)
                self._walk_method(bound, given if name == "__init__" else None)
        return own

    def _walk_method(self, method: Value, given: Given | None) -> None:
        if method.node in self.active or not isinstance(method.node, Function):
            return
        self.active.append(method.node)
        try:
            self._walk_function(method.node, method, given)
        finally:
            self.active.pop()

    def _walk_function(self, target: Function, value: Value, given: Given | None) -> Value:
        parent = value.scope or self.module
        if parent.kind == "class" and parent.parent is not None:
            parent = parent.parent
        scope = Scope("function", parent)
        own = Value(kind="own", fields=value.fields) if value.fields is not None else None
        _bind_parameters(target.args, scope, given, own)
        before, self.returned = self.returned, []
        with self.inside(scope):
            if isinstance(target, ast.Lambda):
                self.returned.append(self.value(target.body))
            else:
                self.run(target.body)
        result, self.returned = one_of(self.returned), before
        return result


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Those that call something when the function is defined."""
    given = node.args
    parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    found = [node.returns, *(parameter.annotation for parameter in parameters if parameter)]
    calling = ast.Call | ast.Await | ast.NamedExpr
    return [
        one for one in found if one and any(isinstance(part, calling) for part in ast.walk(one))
    ]


def _bind_parameters(
    parameters: ast.arguments, scope: Scope, given: Given | None, own: Value | None
) -> None:
    """Give parameters what the call says, and UNKNOWN where that cannot be told."""
    ordered = [parameter.arg for parameter in (*parameters.posonlyargs, *parameters.args)]
    if own is not None and ordered:
        scope.names[ordered.pop(0)] = own
    is_told = given is not None and given.is_plain
    values = given.values if given is not None and is_told else ()
    named = given.named if given is not None and is_told else {}
    for at, name in enumerate(ordered):
        scope.names[name] = values[at] if at < len(values) else named.get(name, UNKNOWN)
    for parameter in parameters.kwonlyargs:
        scope.names[parameter.arg] = named.get(parameter.arg, UNKNOWN)
    for star in (parameters.vararg, parameters.kwarg):
        if star is not None:
            scope.names[star.arg] = UNKNOWN
