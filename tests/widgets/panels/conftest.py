"""A shell for panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.widgets.panels.panel_shell import PanelShell, end, make_shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def panels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PanelShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    made = make_shell(tmp_path)
    yield made
    end(made)
