"""What the tests of the views have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.analytics.recorded import Recorded


@pytest.fixture
def log(tmp_path: Path) -> Recorded:
    """An empty log."""
    return Recorded(tmp_path)
