"""Which models and personas there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.personas import MAX_PERSONA_BYTES, Personas
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client

from .conftest import initialize, send


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "personas"
    folder.mkdir()
    return folder


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(models=("other/model", "gpt-4o"))


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path, folder: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path / "workspaces", personas_folder=folder)


async def on_thread(work: Callable[[], object]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work)


async def test_C_22_models_are_listed_with_what_can_be_set(both: Client) -> None:
    models = {model["id"]: model for model in (await both.get("/models")).json["models"]}
    assert set(models) == {"notebook-agents/tiny", "other/model", "gpt-4o"}
    tiny = models["notebook-agents/tiny"]
    assert (tiny["model_type"], tiny["backend"]) == ("chat", "notebook-agents")
    assert tiny["capabilities"] == {"supports_tools": True, "multi_modal": False}
    assert set(tiny["parameters"]) == {"max_tokens", "temperature"}
    assert tiny["parameters"]["max_tokens"]["min"] == 1


async def test_C_93_a_vendors_model_that_is_served_has_its_documented_parameters(
    api: Client,
) -> None:
    models = {model["id"]: model for model in (await api.get("/models")).json["models"]}
    shown = models["gpt-4o"]
    assert shown["label"] == "GPT-4o"
    assert shown["description"] == "GPT-4 OpenAI model for chat interactions."
    assert (shown["model_type"], shown["backend"]) == ("chat", "openai")
    assert shown["parameters"]["temperature"] == {
        "default": 0.5,
        "min": 0,
        "max": 2,
        "required": True,
    }
    assert shown["parameters"]["max_tokens"] == {
        "min": 1000,
        "max": 16384,
        "default": 16384,
        "required": False,
    }
    assert shown["allowed_inputs"] == {
        "image": True,
        "video": False,
        "audio": False,
        "file": False,
    }
    session = await initialize(api, "gpt-4o")
    said = await send(api, "/chat", ui_session_id=session, message="hello")
    assert said.status == 200


async def test_a_vendors_model_that_nobody_serves_says_what_to_configure(api: Client) -> None:
    session = await initialize(api, "claude-3-7-sonnet-latest")
    said = await send(api, "/chat", ui_session_id=session, message="hello")
    assert said.status == 503
    assert "'claude-3-7-sonnet-latest' (claude) is not served here" in said.json["detail"]
    assert "engine_url" in said.json["detail"]
    assert "notebook-agents/tiny" in said.json["detail"]


async def test_C_67_C_68_personas_are_markdown_files_named_after_their_folders(
    both: Client, folder: Path
) -> None:
    def write() -> None:
        (folder / "helpful").mkdir(exist_ok=True)
        (folder / "helpful/assistant.md").write_text("# Helpful Assistant")

    await on_thread(write)
    personas = (await both.get("/personas")).json
    assert personas[0]["name"] == "default"
    assert personas[0]["file"] == "default.md"
    assert personas[0]["content"].startswith("# Default")
    assert {
        "name": "helpful - assistant",
        "content": "# Helpful Assistant",
        "file": "assistant.md",
    } in personas
    assert {"data - analyst", "data - charts", "data - reviewer", "teacher"} <= {
        persona["name"] for persona in personas
    }


async def test_a_changed_persona_is_seen_without_a_restart(
    api: Client, folder: Path, engine: ScriptedEngine
) -> None:
    await on_thread(lambda: (folder / "default.md").write_text("Speak like a pirate."))
    assert (await api.get("/personas")).json[0]["content"] == "Speak like a pirate."
    session = await initialize(api, "other/model", persona_name="no such persona")
    await send(api, "/chat", ui_session_id=session, message="hello")
    assert "Speak like a pirate." in engine.requests[-1].messages[0].text
    await on_thread((folder / "default.md").unlink)
    assert (await api.get("/personas")).json[0]["content"].startswith("# Default")


async def test_what_is_no_sane_file_of_the_folder_is_no_persona(
    folder: Path, tmp_path: Path
) -> None:
    def write() -> None:
        (tmp_path / "secret.md").write_text("secret")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/more.md").write_text("secret")
        (folder / "link.md").symlink_to(tmp_path / "secret.md")
        (folder / "linked").symlink_to(tmp_path / "elsewhere")
        (folder / "inside.md").write_text("fine")
        (folder / "alias.md").symlink_to(folder / "inside.md")
        (folder / "large.md").write_text("x" * (MAX_PERSONA_BYTES + 1))
        (folder / "binary.md").write_bytes(b"\xff\xfe\x00")
        (folder / ".hidden.md").write_text("hidden")
        (folder / "notes.txt").write_text("no persona")
        (folder / "folder.md").mkdir()

    await on_thread(write)
    shipped = {persona.name for persona in await Personas().list()}
    found = {persona.name for persona in await Personas(folder).list()}
    assert found - shipped == {"inside", "alias"}


async def test_a_folder_that_is_not_there_has_no_personas_of_its_own(tmp_path: Path) -> None:
    assert await Personas(tmp_path / "missing").list() == await Personas().list()
