"""What SQL says it does: whether it only reads, and if not, what it changes."""

from __future__ import annotations

import re

from notebook_agents.core.assessments import Assessment, Finding, Risk
from notebook_agents.core.code_knowledge import words
from notebook_agents.core.code_places import is_address, where

_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_READING = words(
    """
    desc describe explain from pivot select show summarize table unpivot values with
    """
)
_RISKS: dict[str, tuple[Risk, str]] = {
    **dict.fromkeys(
        words(
            """
    alter analyze begin checkpoint comment commit create grant insert merge reindex replace
    reset revoke rollback set update upsert use vacuum
    """
        ),
        ("writes_files", "changes the database"),
    ),
    "delete": ("deletes", "deletes rows"),
    "drop": ("deletes", "deletes a table or more"),
    "truncate": ("deletes", "deletes rows"),
    "copy": ("writes_files", "copies"),
    "export": ("writes_files", "writes a folder"),
    "attach": ("writes_files", "opens another database"),
    "detach": ("writes_files", "closes a database"),
    "install": ("shell", "installs an extension"),
    "load": ("shell", "loads an extension"),
    "call": ("shell", "calls a procedure"),
    "exec": ("shell", "runs a procedure"),
    "execute": ("shell", "runs a prepared statement"),
    "pragma": ("writes_files", "changes settings of the database"),
}
_CHANGING = re.compile(r"\b(insert\s+into|update\s+\w+\s+set|delete\s+from|into\s+outfile)\b", re.I)
_SHELLING = re.compile(
    r"\b(xp_cmdshell|load_extension|shellfs|sys_exec|pg_read_file|lo_export)\b", re.I
)
SHOWN_CHARS = 60


def assess_sql(query: str, folder: str = "") -> Assessment:
    """What a text of SQL statements would do; nothing is found in one that only reads."""
    clean = _NOISE.sub(" ", query)
    findings: list[Finding] = []
    for statement in _statements(clean):
        findings += _findings(statement, folder)
    risks = {finding.risk for finding in findings}
    if risks & {"shell", "deletes"}:
        return Assessment(effect="external", findings=tuple(findings))
    if "network" in risks:
        return Assessment(effect="network", findings=tuple(findings))
    return Assessment(effect="write" if findings else "read", findings=tuple(findings))


def _statements(text: str) -> list[str]:
    """The statements of a text, split where no quote is open."""
    pieces = re.findall(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|[^;'\"]|['\"])+", text)
    return [piece.strip() for piece in pieces if piece.strip()]


def _findings(statement: str, folder: str) -> list[Finding]:
    first = re.match(r"[(\s]*([A-Za-z_]+)", statement)
    verb = first[1].lower() if first else ""
    if re.fullmatch(r"\w+", statement) and verb not in _RISKS:
        return []  # the name of a table, as pandas takes it
    bare, found = _TEXTS.sub("''", statement), []
    shown = " ".join(statement.split())[:SHOWN_CHARS]
    if verb == "explain" and re.match(r"explain\s+analy[sz]e\b", bare, re.IGNORECASE):
        return _findings(re.sub(r"(?is)^explain\s+analy[sz]e", "", statement).strip(), folder)
    if verb not in _READING:
        risk, words = _RISKS.get(verb, ("writes_files", "may change the database"))
        found.append(Finding(risk=risk, text=f"{words}{_outside(statement, folder)}: {shown}"))
    elif _CHANGING.search(bare):
        found.append(Finding(risk="writes_files", text=f"changes the database: {shown}"))
    if _SHELLING.search(bare):
        found.append(Finding(risk="shell", text=f"reaches out of the database: {shown}"))
    if any(is_address(text[1:-1]) for text in _TEXTS.findall(statement)):
        found.append(Finding(risk="network", text=f"uses the network: {shown}"))
    return found


def _outside(statement: str, folder: str) -> str:
    places = [where(text[1:-1], folder) for text in _TEXTS.findall(statement)]
    return ", outside the working folder" if "outside" in places else ""
