"""A log with something of every kind, and an empty one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.dashboards.recording import record

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[EventAnalytics]:
    """Over a log with something of every kind."""
    log = JsonlEventLog(tmp_path)
    record(log)
    analytics = EventAnalytics(EventFiles(tmp_path))
    yield analytics
    await analytics.aclose()


@pytest.fixture
async def nothing(tmp_path: Path) -> AsyncIterator[EventAnalytics]:
    """Over an empty log."""
    analytics = EventAnalytics(EventFiles(tmp_path))
    yield analytics
    await analytics.aclose()
