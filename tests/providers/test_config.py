"""Which providers there are, and through which engine a model is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.build import BuildConfig, build_core
from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.routed_engine import RoutedEngine
from notebook_agents.providers.config import read_providers
from notebook_agents.testing import ScriptedEngine


def test_without_names_those_with_a_key_are_there() -> None:
    environment = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "HOME": "/"}
    found = read_providers(None, environment)
    assert [(p.name, p.kind, p.key) for p in found] == [
        ("openai", "openai", "a"),
        ("anthropic", "anthropic", "b"),
    ]
    assert read_providers(None, {}) == ()


def test_any_endpoint_can_be_named() -> None:
    (lab,) = read_providers(["my-lab=https://lab.example.org/v1/"], {"MY_LAB_API_KEY": "k"})
    assert (lab.name, lab.url, lab.key) == ("my-lab", "https://lab.example.org/v1", "k")
    (ollama,) = read_providers(["ollama=http://gpu:11434/v1"], {})
    assert (ollama.url, ollama.key) == ("http://gpu:11434/v1", "")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("opnai", "known are openai"),
        ("Lab=https://x", "lower-case"),
        ("lab=ftp://x", "must begin with http"),
        ("notebook-agents=http://x", "a name is"),
        ("", "a name is"),
    ],
)
def test_an_entry_that_means_nothing_is_refused(entry: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as error:
        read_providers([entry], {})
    assert error.value.details["field"] == "providers"


def test_a_key_is_not_in_the_text_of_a_provider() -> None:
    assert "secret" not in repr(read_providers(["openai"], {"OPENAI_API_KEY": "secret"}))


async def test_ids_choose_the_engine() -> None:
    local, far = ScriptedEngine(models=("openai/gpt-oss",)), ScriptedEngine(models=("openai/gpt",))
    engine = RoutedEngine(local, {"openai": far}, local_ids=("openai/gpt-oss",))
    await engine.load("openai/gpt")
    await engine.load("openai/gpt-oss")
    with pytest.raises(NotFound, match="gpt-4o"):
        await far.load("gpt-4o")
    with pytest.raises(NotFound, match="gpt-4o"):
        await engine.load("gpt-4o")
    assert {m.id for m in await far.models() if m.status == "loaded"} == {"openai/gpt"}
    assert {m.id for m in await local.models() if m.status == "loaded"} == {"openai/gpt-oss"}
    with pytest.raises(NotFound):
        await engine.model("nobody/nothing")


async def test_a_core_knows_the_models_of_providers_without_asking_them(tmp_path: Path) -> None:
    core = build_core(BuildConfig(home=tmp_path, providers=("lab=http://127.0.0.1:9/v1",)))
    await core.start()
    try:
        assert (await core.models.get("lab/any/model")).provider == "lab"
        assert (await core.models.get(BUNDLED_MODEL)).is_bundled
        with pytest.raises(InvalidRequest, match="there is no model 'labb/x'"):
            await core.models.check("labb/x")
    finally:
        await core.aclose()
