"""Whether what is pinned has known vulnerabilities, asked of pip-audit: ``python .ci/audit.py``.

Only a vulnerability fails. Where the index cannot be asked, or not in time, this says so and
passes, so that a machine without network can be worked on. ``KNOWN`` are those that do not concern
us, each with the reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

TIME_S = 15
"""For everything; a first time without a cache may need more, the next goes on from there."""
KNOWN: Mapping[str, str] = {}
"""Identifiers of advisories, and why they do not concern us."""


def main(pins: str = "constraints.txt") -> int:
    """Ask, and say what came of it; 1 for a vulnerability."""
    command = [sys.executable, "-m", "pip_audit", "-r", pins, "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    try:
        asked = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, check=False, timeout=TIME_S
        )
    except subprocess.TimeoutExpired:
        return say(f"not audited: it took longer than {TIME_S} s", 0)
    return say(*verdict(asked.stdout, asked.stderr))


def verdict(told: str, said: str) -> tuple[str, int]:
    """What to say of pip-audit's answer, and how to exit."""
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
    except (ValueError, KeyError):
        lines = said.strip().splitlines() or ["nothing was said"]
        return f"not audited: {lines[-1][:200]}", 0
    found = [
        f"{package['name']} {package['version']}: {one['id']}, fixed in"
        f" {', '.join(one['fix_versions']) or 'no version'}"
        for package in packages
        for one in package.get("vulns", ())
        if not {one["id"], *one.get("aliases", ())} & KNOWN.keys()
    ]
    if found:
        return "\n".join(found), 1
    n_unknown = sum("skip_reason" in package for package in packages)
    if n_unknown == len(packages):
        return f"not audited: the index knows none of {n_unknown} packages", 0
    told_of = f"; the index knows nothing of {n_unknown}" if n_unknown else ""
    return f"no known vulnerability in {len(packages) - n_unknown} packages{told_of}", 0


def say(text: str, code: int) -> int:
    """Print, and hand the code on."""
    sys.stdout.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
