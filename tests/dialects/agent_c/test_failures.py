"""When something of ours breaks: a 500 with the documented body, and nothing of what happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.models import ModelInfo
from notebook_agents.core.personas import Persona, Personas
from notebook_agents.core.ports import Page, Query
from notebook_agents.testing import MemoryStore, ScriptedEngine, fake_core
from notebook_agents_server.testing import Client

from .conftest import initialize, send

T = TypeVar("T")
SECRET = "a secret of ours"


class BreakingStore(MemoryStore):
    """A store that loses the sight of conversations."""

    is_broken = False

    async def find(self, kind: type[T], query: Query) -> Page[T]:
        if self.is_broken and kind.__name__ == "Conversation":
            raise RuntimeError(SECRET)
        return await super().find(kind, query)


class BreakingEngine(ScriptedEngine):
    """An engine that cannot say any more what it has."""

    is_broken = False

    async def models(self) -> Sequence[ModelInfo]:
        if self.is_broken:
            raise RuntimeError(SECRET)
        return await super().models()


class NoPersonas(Personas):
    """A folder that cannot be read."""

    async def list(self) -> tuple[Persona, ...]:
        raise OSError(SECRET)


@pytest.fixture
def store() -> BreakingStore:
    return BreakingStore()


@pytest.fixture
def engine() -> BreakingEngine:
    return BreakingEngine()


@pytest.fixture
def core(store: BreakingStore, engine: BreakingEngine, tmp_path: Path) -> Core:
    return fake_core(store=store, engine=engine, home=tmp_path / "workspaces")


async def test_C_30_C_33_C_37_C_40_C_43_C_46_C_51_C_54_sessions_that_cannot_be_read(
    api: Client, store: BreakingStore
) -> None:
    session = await initialize(api)
    store.is_broken = True
    bodies: dict[str, dict[str, Any] | None] = {
        f"get_agent_config/{session}": None,
        f"get_agent_tools/{session}": None,
        f"debug_agent_state/{session}": None,
        f"chat_session_debug/{session}": None,
        "update_settings": {"ui_session_id": session},
        "update_tools": {"ui_session_id": session, "tools": []},
        "chat": {"ui_session_id": session, "message": "hello"},
        "cancel": {"ui_session_id": session},
    }
    for path, body in bodies.items():
        answer = await api.ask("GET" if body is None else "POST", f"/{path}", body)
        assert (answer.status, answer.json) == (500, {"detail": "internal error"}), path


async def test_C_18_C_23_models_that_cannot_be_read(api: Client, engine: BreakingEngine) -> None:
    engine.is_broken = True
    answer = await api.get("/models")
    assert (answer.status, answer.json) == (500, {"detail": "internal error"})
    answer = await api.post("/initialize", {"model_name": "notebook-agents/tiny"})
    assert (answer.status, answer.json) == (500, {"detail": "internal error"})


async def test_C_69_personas_that_cannot_be_read(api: Client, core: Core) -> None:
    core.personas = NoPersonas()
    answer = await api.get("/personas")
    assert (answer.status, answer.json) == (500, {"detail": "internal error"})


async def test_an_error_that_ends_a_chat_is_said_in_its_stream(
    api: Client, engine: BreakingEngine
) -> None:
    session = await initialize(api)
    engine.script = [RuntimeError(SECRET)]
    answer = await send(api, "/chat", ui_session_id=session, message="hello")
    assert answer.status == 200
    assert SECRET.encode() not in answer.body
    assert b'"type":"error"' in answer.body
