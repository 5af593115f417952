"""The schema is brought up to date once, also when several processes start together."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from notebook_agents.core.agents import Agent, CreateAgent
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, NotebookAgentsError
from notebook_agents.core.runs import Run
from notebook_agents.core.users import Actor, CreateUser, Users
from notebook_agents.store.holders import Holders
from notebook_agents.store.migrations import MIGRATIONS, migrate
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import FakeClock, PlainHasher, fake_core

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


def version_1(url: str) -> Engine:
    """A database as the first release left it, with a run in it."""
    engine = create_engine(url)
    name = engine.dialect.name
    schema = Path(__file__).with_name(f"version_1.{name}.sql").read_text()
    with engine.begin() as connection:
        for statement in filter(str.strip, schema.split(";")):
            connection.exec_driver_sql(statement)
    return engine


def shape_of(engine: Engine) -> dict[str, Any]:
    """What the schema is, without what SQLite keeps of defaults."""
    found = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            },
            "indexes": sorted(str(index["column_names"]) for index in found.get_indexes(table)),
            "unique": sorted(
                str(rule["column_names"]) for rule in found.get_unique_constraints(table)
            ),
        }
        for table in found.get_table_names()
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def two_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two empty databases of a kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
        return
    server = request.getfixturevalue("postgresql_url")
    names = [f"migrations_{uuid.uuid4().hex}" for _ in range(2)]
    admin = create_engine(server)
    with admin.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    first, second = (f"{server}?options=-csearch_path%3D{name}" for name in names)
    yield first, second
    with admin.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    admin.dispose()


def test_a_migrated_database_has_the_schema_of_a_fresh_one(two_urls: tuple[str, str]) -> None:
    old, fresh = version_1(two_urls[0]), create_engine(two_urls[1])
    migrate(old)
    migrate(fresh)
    assert shape_of(old) == shape_of(fresh)
    old.dispose()
    fresh.dispose()


async def test_old_names_that_differ_in_case_all_still_lead_to_their_users(
    two_urls: tuple[str, str], tmp_path: Path
) -> None:
    old = version_1(two_urls[0])
    names = ["Joe", "Ann", "ANN", "ann", "Max", "MAX"]
    with old.begin() as connection:
        for n, name in enumerate(names):
            connection.exec_driver_sql(
                f"INSERT INTO users VALUES ('{n}', '{name}', '{n}@x', '', true, false,"
                f" '2026-01-0{n + 1} 00:00:00', '2026-01-01 00:00:00', NULL)"
            )
    old.dispose()
    store = SqlStore.open(two_urls[0], Holders(tmp_path / "holders"))
    users = Users(store, FakeClock(), PlainHasher())
    for login, found in (*zip(names, names, strict=True), ("JOE", "Joe"), ("aNn", "ann")):
        user = await users.find(login)
        assert user is not None
        assert user.username == found
    user = await users.find("mAX")
    assert user is not None
    assert user.username == "Max"
    for login in ("joe", "aNN", "max"):
        with pytest.raises(Conflict):
            await users.create(CreateUser(username=login, email="new@x"))
    await store.aclose()


OLD_ROWS = """
INSERT INTO conversations VALUES ('c', 'ann', 'a', 'old', 'm', 1, '/w', '{}', '', '',
  '2026-01-01 00:00:00', '2026-01-01 00:00:00');
INSERT INTO runs VALUES ('r', 'ann', 'a', 'c', 'succeeded', 'm', 'python',
  '{"role": "user", "parts": [{"type": "text", "text": "hi"}]}', '', '', '', '[]', '{}', '{}', '{}',
  '', '{}', '[]', '[]', 'hello', '[]', '{}', 1, '', '', '2026-01-01 00:00:00', NULL, NULL)
"""
OLD_AGENT = """
INSERT INTO agents VALUES ('{id}', 'ann', '{name}', '', 'm', '', '["python_executor"]', 'medium',
  512, 60, '{{}}', '{{}}', '{{}}', 'created', '2026-01-01 00:00:00', '{updated_at}', NULL)
"""


async def test_what_an_old_database_holds_is_read_after_the_migration(
    two_urls: tuple[str, str], tmp_path: Path
) -> None:
    old = version_1(two_urls[0])
    with old.begin() as connection:
        for statement in OLD_ROWS.split(";"):
            connection.exec_driver_sql(statement)
    old.dispose()
    store = SqlStore.open(two_urls[0], Holders(tmp_path / "holders"))
    run, conversation = await store.get(Run, "r"), await store.get(Conversation, "c")
    assert run is not None
    assert conversation is not None
    assert (run.text, run.workflow, run.result, run.deleted_at) == ("hello", "", {}, None)
    assert (conversation.title, conversation.deleted_at) == ("old", None)
    await store.aclose()


async def test_old_agents_that_nobody_made_or_changed_have_every_tool(
    two_urls: tuple[str, str], tmp_path: Path
) -> None:
    old = version_1(two_urls[0])
    made, changed = await ensured_ids(tmp_path, "Assistant", "notebook")
    rows = ((made, "Assistant", 1), (changed, "notebook", 2), ("own", "Assistant", 1))
    with old.begin() as connection:
        for id, name, day in rows:
            moment = f"2026-01-0{day} 00:00:00"
            connection.exec_driver_sql(OLD_AGENT.format(id=id, name=name, updated_at=moment))
    old.dispose()
    store = SqlStore.open(two_urls[0], Holders(tmp_path / "holders"))
    agents = [await store.get(Agent, id) for id, *_ in rows]
    assert [agent and agent.has_all_tools for agent in agents] == [True, False, False]
    await store.aclose()


async def ensured_ids(home: Path, *names: str) -> list[str]:
    core, ann = fake_core(home=home), Actor(user_id="ann", username="ann")
    return [(await core.agents.ensure(ann, CreateAgent(name=name))).id for name in names]
