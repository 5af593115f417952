"""The widgets' front end as texts: one ES module and one style sheet per widget.

A widget's module must be one text that imports nothing, because a notebook front end loads it from
memory. Ours are many small ES modules below ``static``, which Node and the type checker read as
they are. Here they are joined: each becomes a function that returns what the module exports, and
its imports become reads of those. What the server's page uses too is below ``static`` of the
dashboards room. No file may import in a circle, and top-level statements are
written as in `IMPORT` and `EXPORT`: one line of `export function`, `export class`, `export const`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
IMPORT = re.compile(
    r"^import\s+(?:(?P<default>\w+)|\{(?P<names>[^}]*)\})\s+from\s+\"(?P<path>\./[^\"]+|\.\./[^\"]+)\";",
    re.MULTILINE,
)
EXPORT = re.compile(
    r"^export (?P<kind>(?:async )?function\*?|class|const|let) (?P<name>\w+)", re.MULTILINE
)
EXPORT_LIST = re.compile(r"(?:(?<=[;}\n])|^)export\s*\{(?P<names>[^{}]*)\};?")
EXPORT_DEFAULT = re.compile(r"(?:(?<=[;}\n])|^)export default (?P<value>[^;]+);", re.MULTILINE)
CSS_IMPORT = re.compile(r"^@import \"(?P<path>\./[^\"]+)\";\n", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)
ANY_IMPORT = re.compile(r"^import\b", re.MULTILINE)
ANY_EXPORT = re.compile(r"^export\b", re.MULTILINE)


@cache
def esm(name: str) -> str:
    """The module of a widget, with everything it imports."""
    entry = STATIC / f"{name}.js"
    joined = "\n".join(_scope(path) for path in _in_order(entry, []))
    return f"{joined}\nexport default {_scope_name(entry)}.default;\n"


@cache
def css(name: str) -> str:
    """The style sheet of a widget, with those it imports before it."""
    return _style(STATIC / f"{name}.css", set())


def _in_order(path: Path, pending: list[Path]) -> list[Path]:
    assert path not in pending, f"{path.name} imports itself, by way of {pending}"
    ordered: list[Path] = []
    for imported in IMPORT.finditer(path.read_text(encoding="utf-8")):
        below = _in_order((path.parent / imported["path"]).resolve(), [*pending, path])
        ordered += [known for known in below if known not in ordered]
    return [*ordered, path.resolve()]


def _scope(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.parent.name != "vendor":  # whose comments are licences
        text = COMMENT.sub("", text)
    exports = [*_exports(text)]
    text = IMPORT.sub(lambda found: _read(found, path), text)
    text = EXPORT.sub(r"\g<kind> \g<name>", text)
    text = EXPORT_DEFAULT.sub(r"const __default = \g<value>;", EXPORT_LIST.sub("", text))
    for left in (ANY_IMPORT, ANY_EXPORT):
        assert not left.search(text), f"{path.name} imports or exports in a form that is not joined"
    returned = ", ".join(f"{name}: {value}" for name, value in exports)
    return f"const {_scope_name(path)} = (() => {{\n{text}\nreturn {{ {returned} }};\n}})();"


def _exports(text: str) -> Iterator[tuple[str, str]]:
    for found in EXPORT.finditer(text):
        yield found["name"], found["name"]
    for found in EXPORT_LIST.finditer(text):
        for item in filter(None, (part.strip() for part in found["names"].split(","))):
            value, _, name = item.partition(" as ")
            yield name.strip() or value, value.strip()
    if EXPORT_DEFAULT.search(text):
        yield "default", "__default"


def _read(found: re.Match[str], importer: Path) -> str:
    scope = _scope_name((importer.parent / found["path"]).resolve())
    if found["default"]:
        return f"const {found['default']} = {scope}.default;"
    names = [part.strip().replace(" as ", ": ") for part in found["names"].split(",")]
    return f"const {{ {', '.join(filter(None, names))} }} = {scope};"


def _scope_name(path: Path) -> str:
    parts = Path(os.path.relpath(path.resolve(), STATIC.resolve())).with_suffix("").parts
    named = [re.sub(r"\W", "_", part) for part in parts if part != ".."]
    return "module_" + "_".join(named)


def _style(path: Path, seen: set[Path]) -> str:
    if path in seen:
        return ""
    seen.add(path)
    text = path.read_text(encoding="utf-8")
    return CSS_IMPORT.sub(lambda found: _style((path.parent / found["path"]).resolve(), seen), text)
