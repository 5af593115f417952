"""What `code_analyzer` does inside the tool kernel: Python code is read, never run.

The syntax tree tells what the code consists of, and ruff, where it is installed and a program may
be started, what is wrong with it. Neither imports anything, and settings in the workspace are not
read: they are somebody else's words about what to look for.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from notebook_agents.tools.beneath import FileMissing, FileUnreadable, opened
from notebook_agents.tools.reading import names_here

MAX_CODE_BYTES = 512 * 1024
MAX_SECONDS = 10.0
MAX_PROBLEMS = 200
MAX_FUNCTIONS = 500
MAX_MESSAGE_CHARS = 300
MAX_PRINTED_BYTES = 4 * 1024 * 1024
ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "iso-8859-1", "cp1252", "windows-1252"})
"""Others can make other code of the same bytes than people see."""
RULES = "E4,E7,E9,F,B,C4,PLE,PLW,S,SIM,UP,RUF"
FILE_NAME = "code.py"
BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert,
    ast.comprehension, ast.match_case,
)  # fmt: skip
"""What adds a way through a function (McCabe)."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


class CodeUnreadable(Exception):
    """The code is too long, or written in a way that shows other code than it is."""


def analyze(root: str, path: str, code: str) -> dict[str, Any]:
    """Counts, functions and problems of a text or, without one, of a file."""
    content = code.encode(errors="replace") if code else _content(root, path)
    if len(content) > MAX_CODE_BYTES:
        raise CodeUnreadable(f"the code has more than {MAX_CODE_BYTES >> 10} KiB")
    text = _decoded(content)
    found: dict[str, Any] = {"path": "" if code else path, "counts": _lines(text), "functions": []}
    tree, wrong = _tree(text)
    if tree is None:
        return found | {"problems": [wrong], "linter": ""}
    found["counts"] |= _kinds(tree)
    found["imports"] = sorted(_imports(tree))
    found["functions"] = list(_functions(tree))
    problems, linter = _linted(text)
    return found | {"problems": problems, "linter": linter}


def _content(root: str, path: str) -> bytes:
    try:
        with opened(root, path) as fd, open(fd, "rb", closefd=False) as file:
            return file.read(MAX_CODE_BYTES + 1)
    except FileMissing as error:
        raise FileMissing(f"{error}; files here: {names_here(root)}") from None


def _decoded(content: bytes) -> str:
    try:
        encoding, _lines_read = tokenize.detect_encoding(BytesIO(content).readline)
        if encoding not in ENCODINGS:
            raise CodeUnreadable(f"the code says it is written in {encoding!r:.40}; use UTF-8")
        text = content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise FileUnreadable("it is not Python code in UTF-8") from None
    if "\0" in text:
        raise FileUnreadable("it is not a text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _tree(text: str) -> tuple[ast.Module | None, dict[str, Any]]:
    """The syntax tree, or what is wrong with the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text, FILE_NAME), {}
        except SyntaxError as error:
            return None, _problem("syntax", error.msg, error.lineno or 0, error.offset or 0)
        except (RecursionError, MemoryError, ValueError):
            return None, _problem("syntax", "the code is nested too deep to be read", 0, 0)


def _problem(code: str, message: str, line: int, column: int) -> dict[str, Any]:
    cut = message[:MAX_MESSAGE_CHARS]
    return {"line": line, "column": column, "code": code, "message": cut}


def _lines(text: str) -> dict[str, int]:
    lines = text.splitlines()
    n_blank = sum(not line.strip() for line in lines)
    n_comments = sum(line.lstrip().startswith("#") for line in lines)
    n_code = len(lines) - n_blank - n_comments
    longest = max(map(len, lines), default=0)
    return {
        "lines": len(lines),
        "code_lines": n_code,
        "comment_lines": n_comments,
        "blank_lines": n_blank,
        "longest_line": longest,
    }


def _kinds(tree: ast.Module) -> dict[str, int]:
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    documented = sum(ast.get_docstring(node, clean=False) is not None for node in functions)
    return {
        "functions": len(functions),
        "documented_functions": documented,
        "classes": sum(isinstance(node, ast.ClassDef) for node in ast.walk(tree)),
        "max_complexity": max(map(_complexity, functions), default=0),
    }


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else (node.module or "").partition(".")[0])
    return found


def _functions(tree: ast.Module) -> Iterator[dict[str, Any]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)]
    for node in sorted(functions, key=lambda node: node.lineno)[:MAX_FUNCTIONS]:
        n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
        yield {
            "name": node.name,
            "line": node.lineno,
            "n_lines": n_lines,
            "complexity": _complexity(node),
        }


def _complexity(function: Function) -> int:
    """How many ways there are through a function; those within functions in it do not count."""
    n_ways, pending = 1, list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.ClassDef):
            continue
        n_ways += isinstance(node, BRANCHES)
        n_ways += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        pending.extend(ast.iter_child_nodes(node))
    return n_ways


def _linted(text: str) -> tuple[list[dict[str, Any]], str]:
    """What ruff finds, and its name; empty where there is none or it cannot be asked."""
    try:
        # Found by its place: a name would be looked for in the workspace too, and run from there.
        ruff = Path(sysconfig.get_path("scripts")) / "ruff"
        command = [str(ruff), "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"]
        options = ["--output-format=json", f"--select={RULES}", f"--stdin-filename={FILE_NAME}"]
        asked = subprocess.run(  # noqa: S603 - a fixed command; the code is what it reads
            [*command, *options, "-"],
            input=text.encode(),
            capture_output=True,
            timeout=MAX_SECONDS,
            check=True,
        )
        if len(asked.stdout) > MAX_PRINTED_BYTES:
            return [], ""
        found = json.loads(asked.stdout)
        problems = [
            _problem(
                str(each["code"] or "syntax"),
                str(each["message"]),
                int(each["location"]["row"]),
                int(each["location"]["column"]),
            )
            for each in found[:MAX_PROBLEMS]
        ]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return [], ""
    return problems, "ruff"
