"""``%agent model``: which model answers in this notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import notebook_agents
from notebook_agents.core.errors import NotFound
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.magics.errors import AgentError
from notebook_agents.testing import ScriptedEngine, fake_core

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.magics.conftest import AgentShell

    from notebook_agents.core.models import GenerateChunk, GenerateRequest

ABSENT = "Qwen/Qwen2.5-7B-Instruct"
BROKEN = "/models/broken"


class CatalogueEngine(ScriptedEngine):
    """Also lists a model that is not on this machine and one whose files are gone."""

    async def models(self) -> Sequence[ModelInfo]:
        listed = [replace(info, description="Good at all.") for info in await super().models()]
        absent = Catalogue().get(ABSENT).described()
        broken = Catalogue((BROKEN,)).get(BROKEN).described()
        return (*listed, absent, broken)


def text_of(agent_shell: AgentShell, line: str) -> str:
    cell = agent_shell.run(line)
    assert cell.error is None
    return str(cell.value)


def error_of(agent_shell: AgentShell, line: str) -> str:
    error = agent_shell.run(line).error
    assert isinstance(error, AgentError)
    return str(error)


@pytest.fixture
def with_catalogue(agent_shell: AgentShell, ipython_home: Path) -> AgentShell:
    agent_shell.engine = CatalogueEngine()
    core = fake_core(engine=agent_shell.engine, home=ipython_home / "workspaces")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    return agent_shell


def test_alone_it_says_what_answers_and_how_to_change_it(with_catalogue: AgentShell) -> None:
    text = text_of(with_catalogue, "%agent model")
    assert "notebook-agents/tiny (built-in demo model), the default" in text
    assert "Good at all." in text
    assert f"other/model, {ABSENT} (not downloaded), {BROKEN} (failed)" in text
    assert "%agent model NAME" in text


def test_a_name_counts_for_all_prompts_until_it_is_changed(agent_shell: AgentShell) -> None:
    text = text_of(agent_shell, "%agent model other/model")
    assert "other/model, chosen here; the default is notebook-agents/tiny" in text
    for line in ("%agent one", "%agent reset", "%agent two", "%agent -m notebook-agents/tiny 3"):
        agent_shell.run(line)
    asked = [request.model for request in agent_shell.engine.requests]
    assert asked == ["other/model", "other/model", BUNDLED_MODEL]
    assert "other/model, chosen here" in text_of(agent_shell, "%agent model")


@pytest.mark.parametrize("name", ["default", BUNDLED_MODEL])
def test_the_default_comes_back(agent_shell: AgentShell, name: str) -> None:
    agent_shell.run("%agent model other/model")
    assert "(built-in demo model), the default" in text_of(agent_shell, f"%agent model {name}")
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.model == BUNDLED_MODEL


def test_status_and_overview_name_the_model_that_was_chosen(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent model other/model")
    for line in ("%agent", "%agent status"):
        text = text_of(agent_shell, line)
        assert "other/model, chosen here; the default is notebook-agents/tiny" in text
        assert "demo model" not in text


@pytest.mark.parametrize("name", ["other/modle", "MODEL", "Other/Model"])
def test_an_unknown_name_is_an_error_with_the_nearest_and_the_list(
    agent_shell: AgentShell, name: str
) -> None:
    message = error_of(agent_shell, f"%agent model {name}")
    assert f"there is no model {name!r}; did you mean other/model?" in message
    assert "known: notebook-agents/tiny, other/model" in message
    agent_shell.run("%agent hello")
    assert agent_shell.last_request.model == BUNDLED_MODEL


def test_a_name_like_no_other_is_an_error_with_the_list(agent_shell: AgentShell) -> None:
    message = error_of(agent_shell, "%agent model zzz")
    known = "known: notebook-agents/tiny, other/model"
    assert message == f"there is no model 'zzz'; {known}; see: %agent list"


def test_a_model_that_cannot_be_used_is_refused_with_the_engines_words(
    with_catalogue: AgentShell,
) -> None:
    message = error_of(with_catalogue, f"%agent model {ABSENT}")
    assert message == Catalogue().get(ABSENT).missing().message
    assert f"hf download {ABSENT}" in message
    assert "No model files were found" in error_of(with_catalogue, f"%agent model {BROKEN}")
    with_catalogue.run("%agent hello")
    assert with_catalogue.last_request.model == BUNDLED_MODEL


def test_data_frames_are_written_out_for_a_chosen_model(agent_shell: AgentShell) -> None:
    agent_shell.run("import pandas; df = pandas.DataFrame({'price': [1]})")
    agent_shell.run("%agent what is in {df}?")
    assert agent_shell.last_text == "what is in df?"
    agent_shell.run("%agent model other/model")
    agent_shell.run("%agent what is in {df}?")
    assert "int64" in agent_shell.last_text


class EndpointEngine(ScriptedEngine):
    """Has models that it does not list, as an endpoint of a provider may."""

    async def model(self, id: str) -> ModelInfo:
        if id.startswith("lab/"):
            return ModelInfo(
                id=id, name=id, provider="lab", capabilities=("text", "tools", "vision")
            )
        for info in await self.models():
            if info.id == id:
                return info
        raise NotFound("model", id)

    def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Answer whatever model is asked."""
        return super().generate(replace(request, model="other/model"))


def test_a_model_that_its_provider_does_not_list_can_be_chosen_and_asked(
    agent_shell: AgentShell, ipython_home: Path
) -> None:
    engine = EndpointEngine()
    core = fake_core(engine=engine, home=ipython_home / "workspaces")
    notebook_agents.use_core(core, shell=agent_shell.shell)
    assert "lab/anything, chosen here" in text_of(agent_shell, "%agent model lab/anything")
    assert agent_shell.run("%agent hello").value.model == "lab/anything"
    agent_shell.run("from PIL import Image; picture = Image.new('RGB', (2, 2))")
    agent_shell.run("%agent describe @picture")
    assert "media_type='image/png'" in str(engine.requests[-1].messages[-1].parts[-1])
    assert "there is no model 'lib/anything'" in error_of(agent_shell, "%agent model lib/anything")
