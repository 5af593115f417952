"""``jupyter agents doctor``: what this machine can enforce, with which mechanism, and what to mend.

Everything is found out by doing it once, as the server would; nothing is read from versions.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_core.application import JupyterApp
from traitlets import Bool

from notebook_agents.core.errors import InvalidRequest
from notebook_agents_server.config import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notebook_agents.core.tools import LevelReport, MechanismReport

DESCRIPTION = """\
Say which levels of the sandbox this machine enforces, with which mechanism, and what is missing.

Every mechanism is tried as the server would use it. A collector of telemetry is asked once,
where one is named. The exit code is 0 when the level of `sandbox_level` can be enforced, else 1.
"""
NOT_A_SANDBOX = "process isolation, not a sandbox"
ROOT = (
    "The server is root's: its kernels have no capabilities, a /proc that cannot be written and"
    " device nodes of their own. Running it as an ordinary user is one wall more."
)


class DoctorApp(ServerSettings, JupyterApp):
    """Look at what the sandbox has to stand on."""

    name = "jupyter-agents-doctor"
    description = DESCRIPTION
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        "json": ({"DoctorApp": {"as_json": True}}, "Print everything as JSON."),
    }
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **JupyterApp.aliases,
        "home": "DoctorApp.home",
        "sandbox-level": "DoctorApp.sandbox_level",
    }
    as_json = Bool(help="Whether to print JSON.").tag(config=True)

    def start(self) -> None:
        """Try everything and print what came of it."""
        from notebook_agents.build import sandbox_reports

        reports = sandbox_reports(self.build_config())
        telemetry = self._telemetry()
        document = {**self._document(reports), "telemetry": telemetry or None}
        lines = [*told(reports), *(["", f"telemetry: the collector {telemetry}"] * bool(telemetry))]
        if self.as_json:
            lines = [json.dumps(document, indent=2)]
        sys.stdout.write("\n".join(lines) + "\n")
        wanted = next(report for report in reports if report.level == self.sandbox_level)
        sys.exit(0 if wanted.is_available else 1)

    def _telemetry(self) -> str:
        """What came of asking the collector; empty where there is none."""
        from notebook_agents.build import collector_words

        try:
            return collector_words(self.otel_endpoint)
        except InvalidRequest as error:
            return f"cannot be told: {error.message}"

    def _document(self, reports: Sequence[LevelReport]) -> dict[str, Any]:
        return {
            "system": platform.platform(),
            "is_root": is_root(),
            "sandbox_level": self.sandbox_level,
            "sandbox_fallback": self.sandbox_fallback,
            "levels": [asdict(report) for report in reports],
        }


def is_root() -> bool:
    """Whether the server would have the rights of root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def told(reports: Sequence[LevelReport]) -> Iterator[str]:
    """The reports as lines for people."""
    yield f"{platform.platform()}, Python {platform.python_version()}"
    if is_root():
        yield ROOT
    for report in reports:
        yield ""
        yield _headline(report)
        if not report.mechanisms:
            yield from _lists(report)
        for mechanism in report.mechanisms:
            yield from _mechanism(mechanism, is_chosen=mechanism.backend == report.backend)


def _headline(report: LevelReport) -> str:
    name = f"{report.level} ({NOT_A_SANDBOX})" if report.level == "low" else report.level
    if not report.is_available:
        return f"{name}: cannot be enforced here"
    programs = "" if report.has_children else "; no child processes, so no shell commands"
    return f"{name}: enforced by {report.backend!r}{programs}"


def _mechanism(mechanism: MechanismReport, *, is_chosen: bool) -> Iterator[str]:
    if mechanism.is_available:
        yield f"  {mechanism.backend}: works{', in use' if is_chosen else ''}"
        yield from _lists(mechanism) if is_chosen else ()
    else:
        yield f"  {mechanism.backend}: missing {', '.join(mechanism.missing)}"
        yield f"    evidence: {mechanism.evidence}"
        yield f"    to mend it: {mechanism.remedy or 'nothing is known'}"


def _lists(report: LevelReport | MechanismReport) -> Iterator[str]:
    yield from (f"    + {item}" for item in report.enforces)
    yield from (f"    - {item}" for item in report.missing)
    if report.remedy:
        yield f"    to mend it: {report.remedy}"
