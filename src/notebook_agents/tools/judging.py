"""What calls of the built-in tools would do, told from their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notebook_agents.core.assessments import Assessment, Finding
from notebook_agents.core.code_effects import assess_code
from notebook_agents.core.code_places import is_hot, where
from notebook_agents.core.command_effects import assess_command
from notebook_agents.core.sql_effects import assess_sql

SHOWN_CHARS = 80


def judge_code(arguments: Mapping[str, Any]) -> Assessment:
    """Of Python code; the variables of the tool kernel are not known here."""
    return assess_code(str(arguments.get("code", "")))


def judge_command(arguments: Mapping[str, Any]) -> Assessment:
    """Of a command line: always at least a shell."""
    return assess_command(str(arguments.get("command", "")))


def judge_query(arguments: Mapping[str, Any]) -> Assessment:
    """Of SQL: the database only reads, whatever it is asked for, and refuses the rest."""
    found = assess_sql(str(arguments.get("query", "")))
    return Assessment(effect="read", findings=found.findings)


def judge_file(arguments: Mapping[str, Any]) -> Assessment:
    """Of writing a file: one that programs may run or read as settings is more than an edit."""
    path = str(arguments.get("path", ""))
    words, is_edit = f"writes {path[:SHOWN_CHARS]}", True
    if where(path, "") != "inside":
        words, is_edit = f"{words}, outside the working folder", False
    elif is_hot(path):
        words, is_edit = f"{words}, which programs may run or read", False
    finding = Finding(risk="writes_files", text=words)
    return Assessment(effect="write" if is_edit else "external", findings=(finding,))
