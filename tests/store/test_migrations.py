"""The schema is brought up to date once, also when several processes start together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.store.migrations import MIGRATIONS, migrate

_OPEN = "import sys; from notebook_agents.store.migrations import migrate;"
_OPEN += "from sqlalchemy import create_engine; print(migrate(create_engine(sys.argv[1])))"


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    command = [sys.executable, "-c", _OPEN, url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    newest = str(len(MIGRATIONS) + 1)
    assert [p.communicate(timeout=60)[0].strip() for p in started] == [newest] * 3


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(NotebookAgentsError, match="schema version 99"):
        migrate(engine)
    engine.dispose()
