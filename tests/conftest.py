"""Fixtures for every room: the blocking detector, services that answer, a live fake server."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import inspect
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from jupyter_server.serverapp import ServerApp
from sqlalchemy import create_engine, text
from tornado.httpclient import AsyncHTTPClient
from traitlets.config import Config

from notebook_agents.core.core import Core
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client, serving, start_extensions

REQUIRE_ALL = "NOTEBOOK_AGENTS_TEST_REQUIRE_ALL"
"""Set in CI: a test that would be skipped fails instead."""
MAY_BLOCK = {
    # Sync by design: the product calls these on threads or before its loop works.
    "notebook_agents/build.py": {"build_core"},
    "notebook_agents/eventlog/reader.py": {"read_events"},
    "notebook_agents/relay/redis.py": {"__init__"},
    "notebook_agents/store/store.py": {"open"},
    # An append is one write of a line into the page cache (8 us); that it has happened when the
    # call returns is what makes an event acknowledged. Opening and closing are of that order.
    "notebook_agents/eventlog/writer.py": {"__init__", "append", "aclose"},
    # A lock on a small local file, taken or tried without waiting.
    "notebook_agents/store/holders.py": {"__init__", "is_alive"},
    # The rules of a time zone, a small local file, when it is named for the first time.
    "notebook_agents/tasks/timetable.py": {"_zone"},
    # These run on a loop of their own, on a thread: a provisioner of somebody else's may block.
    "notebook_agents/sandbox/remote.py": {"_start", "_watch", "_signal", "_kill"},
    # The measurements have a loop of their own; what is expected is executed on its main thread,
    # because only there a signal can end code that runs too long.
    "notebook_agents/engine/training/evaluate.py": {"executed_scores", "natural_scores"},
}
pytest_plugins = ["pytest_jupyter.jupyter_server"]


def pytest_report_header() -> str:
    names = ("jupyter_server", "ipykernel", "tornado", "duckdb", "sqlalchemy", "torch", "pydantic")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return "versions: " + ", ".join(versions)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none, in CI too."""
    wanting = [item for item in items if item.get_closest_marker("gpu")]
    if wanting and not _has_gpu():
        items[:] = [item for item in items if item not in wanting]
        config.hook.pytest_deselected(items=wanting)


def pytest_collection_finish() -> None:
    """Look for garbage less often: there is a great deal in memory that is none."""
    gc.set_threshold(100_000, 20, 50)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get(REQUIRE_ALL) and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although {REQUIRE_ALL} is set: {report.longrepr}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> object | None:
    """Run ``async def`` fixtures on the loop that async tests run on."""
    function = fixturedef.func
    if not inspect.isasyncgenfunction(function) or fixturedef.scope != "function":
        return None
    loop: asyncio.AbstractEventLoop = request.getfixturevalue("jp_asyncio_loop")
    values = function(**{name: request.getfixturevalue(name) for name in fixturedef.argnames})
    value: object = loop.run_until_complete(anext(values))
    assert value is not None, f"async fixture {fixturedef.argname!r} must yield something"

    def finish() -> None:
        assert loop.run_until_complete(anext(values, finish)) is finish

    request.addfinalizer(finish)
    fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
    return value


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail an async test in which our own code blocks the event loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return (yield)
    with blockbuster_ctx(["notebook_agents", "notebook_agents_server"]) as detector:
        for function in detector.functions.values():
            for file, names in MAY_BLOCK.items():
                function.can_block_in(file, names)
        return (yield)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    """A server-wide URL; tests make a schema of their own in it."""
    url = os.environ.get("NOTEBOOK_AGENTS_TEST_POSTGRESQL_URL", "")
    if not url and not _is_open(5432):
        pytest.skip("no PostgreSQL on 127.0.0.1:5432")
    return url or "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@pytest.fixture
def own_schema_url(postgresql_url: str) -> Iterator[str]:
    """An empty schema of a test's own."""
    schema = f"nba_{secrets.token_hex(8)}"
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{postgresql_url}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path / "workspaces", timetable=CronTimetable())


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def jp_nbconvert_templates() -> None:
    """No copy of nbconvert's templates for each server: nobody asks for them here."""


@pytest.fixture
def jp_server_config(core: Core, tmp_path: Path, settings: dict[str, Any]) -> Config:
    return serving(core, tmp_path / "home", **settings)


@pytest.fixture
async def client(
    jp_serverapp: ServerApp, http_server: Any, http_server_port: Any, jp_base_url: str
) -> AsyncGenerator[Client, None]:
    """A client with Jupyter's token, at the root of the server."""
    await start_extensions(jp_serverapp)
    http = AsyncHTTPClient(force_instance=True)
    anybody = Client(http, f"http://127.0.0.1:{http_server_port[1]}", jp_base_url.rstrip("/"))
    yield anybody.holding(jp_serverapp.identity_provider.token)
    anybody.close()
