"""An event log of files below the folder of the test, and who keeps it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[JsonlEventLog]:
    opened = JsonlEventLog(tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
def keeping(tmp_path: Path) -> EventLogKeeping:
    return EventLogKeeping(tmp_path)
