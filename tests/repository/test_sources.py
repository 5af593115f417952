"""Rules about the text of the files themselves that no linter knows."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

HOME = re.compile(
    r"/(?:home|Users)/(?!(?:jovyan|user|me|alice|bob)\b)[a-z][\w-]*/|[.]pyenv/versions"
)
"""A path into somebody's home directory; the names left out are used in examples."""


def text_files(root: Path, tracked: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """Every tracked file that is text, with its content."""
    found = []
    for path in tracked:
        content = (root / path).read_bytes()
        if b"\0" not in content[:4096]:
            found.append((path, content.decode("utf-8")))
    return found


def test_every_module_says_what_it_is(root: Path, tracked: tuple[Path, ...]) -> None:
    roots = ("src", "jupyter_extension", ".ci")
    modules = [path for path in tracked if path.suffix == ".py" and path.parts[0] in roots]
    silent = [p for p in modules if not ast.get_docstring(ast.parse((root / p).read_text()))]
    assert silent == []


def test_no_file_names_the_machine_it_was_written_on(root: Path, tracked: tuple[Path, ...]) -> None:
    here = re.compile(re.escape(str(root)) + r"\b") if len(root.parts) > 2 else HOME
    guilty = [
        path for path, text in text_files(root, tracked) if here.search(text) or HOME.search(text)
    ]
    assert guilty == []


def test_files_end_with_one_newline_and_have_no_tabs_or_returns(
    root: Path, tracked: tuple[Path, ...]
) -> None:
    checked = [(p, t) for p, t in text_files(root, tracked) if p.suffix in {".py", ".md", ".toml"}]
    assert [path for path, text in checked if text and text != text.rstrip("\n") + "\n"] == []
    assert [path for path, text in checked if "\r" in text or "\t" in text] == []


def test_notebooks_are_readable_json(root: Path, tracked: tuple[Path, ...]) -> None:
    for path in (p for p in tracked if p.suffix == ".ipynb"):
        notebook = json.loads((root / path).read_text())
        assert notebook["nbformat"] == 4, path
        assert all(cell.get("id") for cell in notebook["cells"]), path
