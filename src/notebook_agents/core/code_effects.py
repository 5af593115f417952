"""What a piece of Python would do, told from its text: reads, binds, mutates, writes, and worse.

Nothing is run or imported. Deny by default: what cannot be seen counts as changing something, and
code that could hide anything (``exec``, ``eval``, ``ctypes``, programs, imports by name) counts as
a shell. ``docs/approval.md`` lists what this cannot see; a sandbox is what holds against malice.
"""

from __future__ import annotations

import ast
import logging
import warnings
from collections.abc import Collection, Iterable, Mapping

from notebook_agents.core.assessments import RISKS, Assessment, Finding, Risk
from notebook_agents.core.code_cells import Cell, plain_cell
from notebook_agents.core.code_names import Value
from notebook_agents.core.code_statements import Statements
from notebook_agents.core.policy import EFFECTS, Effect

RISK_EFFECTS: dict[Risk, Effect] = {
    "reads": "read",
    "binds": "write",
    "mutates": "write",
    "writes_files": "write",
    "network": "network",
    "shell": "external",
    "deletes": "external",
}
_log = logging.getLogger(__name__)
MAX_CODE_CHARS = 200_000
UNREADABLE = "cannot be read as Python, so nobody can tell what it does"


def assess_code(
    code: str, *, names: Mapping[str, str] | Collection[str] = (), folder: str = ""
) -> Assessment:
    """What running the code in a notebook would do; never raises.

    ``names`` are the variables that exist, by kind where the caller knows (`kinds_of`); ``folder``
    is the absolute working folder.
    """
    if len(code) > MAX_CODE_CHARS or "\0" in code:
        return _assessment([(Finding(risk="shell", text="is too long to be read"), None)])
    cell = _read(code)
    reading = Statements(names, folder)
    found: list[tuple[Finding, Effect | None]] = [
        (finding, cell.effects.get(finding)) for finding in cell.findings
    ]
    try:
        reading.run(_parsed(cell.code).body)
    except SyntaxError as error:
        found.append((Finding(risk="shell", text=UNREADABLE, line=error.lineno or 0), None))
    except Exception as error:  # noqa: BLE001 - code that breaks the analysis must not pass
        _log.debug("cannot analyse code", exc_info=error)
        found.append((Finding(risk="shell", text="is too deep to be read"), None))
    for name, line in cell.writes:
        spot = ast.Constant(value=name, lineno=line, col_offset=0)
        reading.see_write(f"writes {name}", Value(kind="text", text=name), spot)
    found += [
        (Finding(risk=risk, text=text, line=line), effect)
        for (line, risk, text), effect in reading.seen.items()
    ]
    return _assessment(found)


def _read(code: str) -> Cell:
    """The Python in a cell: what Python can read as it stands has nothing of IPython in it."""
    try:
        _parsed(code)
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        first = next((line for line in code.split("\n") if line.strip()), "")
        indent = first[: len(first) - len(first.lstrip())]
        lines = [line.removeprefix(indent) for line in code.split("\n")]
        return plain_cell("\n".join(lines))
    return Cell(code=code)


def _parsed(code: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes and comparisons in somebody's code
        return ast.parse(code)


def _assessment(found: Iterable[tuple[Finding, Effect | None]]) -> Assessment:
    pairs = sorted(found, key=lambda pair: (pair[0].line, RISKS.index(pair[0].risk)))
    effects: list[Effect] = [effect or RISK_EFFECTS[finding.risk] for finding, effect in pairs]
    return Assessment(
        effect=max(effects, key=EFFECTS.index, default="read"),
        findings=tuple(dict.fromkeys(finding for finding, _ in pairs)),
    )
