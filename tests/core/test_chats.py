"""Chats: names that are taken once on real databases, and settings that outlive their models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from notebook_agents.core.agents import ASSISTANT
from notebook_agents.core.chats import StartChat
from notebook_agents.core.conversations import ConversationSettings, StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.messages import user_message
from notebook_agents.core.model_rules import ModelWish, settle, vendor_model
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo, Sampling
from notebook_agents.core.slugs import is_slug, new_slug
from notebook_agents.core.users import Actor
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, fake_core

ANN, BOB = (Actor(user_id=name, username=name) for name in ("ann", "bob"))
ADMIN = Actor(user_id="root", username="root", is_admin=True)
WISH = StartChat(model=ModelWish(model=BUNDLED_MODEL))


@pytest.fixture
async def core(url: str, tmp_path: Path) -> AsyncGenerator[Core, None]:
    def opened() -> Core:
        store = SqlStore.open(url, Holders(tmp_path / "holders"))
        return fake_core(store=store, home=tmp_path / "workspaces")

    core = await asyncio.get_running_loop().run_in_executor(None, opened)
    yield core
    await core.aclose()


@pytest.fixture
def one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """All words are the same, so that every name is taken soon."""
    for words in ("MOODS", "COLOURS", "ANIMALS"):
        monkeypatch.setattr(f"notebook_agents.core.slugs.{words}", (words.lower(),))


@pytest.mark.usefixtures("one_name")
async def test_a_name_that_is_taken_is_thrown_again(core: Core, tmp_path: Path) -> None:
    chats = [await core.chats.start(actor, WISH) for actor in (ANN, BOB, ANN)]
    names = [chat.name for chat in chats]
    assert names[0] == "moods-colours-animals"
    assert len(set(names)) == 3
    assert all(name.startswith("moods-colours-animals") for name in names)
    # A name that was refused leaves no folder behind.
    there = await asyncio.to_thread(lambda: len(list((tmp_path / "workspaces").iterdir())))
    assert there == 3


async def test_a_name_is_its_owners_and_goes_with_its_conversation(core: Core) -> None:
    chat = await core.chats.start(ANN, WISH)
    found = await core.conversations.resolve(ANN, chat.name)
    assert found == await core.conversations.resolve(ANN, chat.conversation.id)
    assert (await core.conversations.resolve(ADMIN, chat.name)).id == found.id
    for actor, name in ((BOB, chat.name), (ANN, ""), (ANN, "no-such-name"), (ANN, "a-b\0")):
        with pytest.raises(NotFound):
            await core.conversations.resolve(actor, name)
    await core.conversations.delete(ANN, found.id)
    with pytest.raises(NotFound):
        await core.conversations.resolve(ANN, chat.name)


async def test_a_conversation_begun_elsewhere_can_be_set_up_and_keeps_its_own_words(
    core: Core,
) -> None:
    agent = await core.agents.ensure(ANN, ASSISTANT)
    settings = ConversationSettings(
        sampling=Sampling(temperature=0.3), tools=(), options={"theirs": [1]}
    )
    begun = await core.conversations.start(
        ANN, StartConversation(agent_id=agent.id, settings=settings)
    )
    chat = await core.chats.of(ANN, begun)
    assert (chat.name, chat.model.temperature, chat.tools) == (begun.id, 0.3, ())
    update = await core.chats.update(ANN, begun, {"temperature": 0.9})
    assert update.changes == {"temperature": (0.3, 0.9), "persona_name": ("", "default")}
    kept = (await core.conversations.get(ANN, begun.id)).settings
    assert (kept.options["theirs"], kept.tools) == ([1], ())


async def test_a_chat_whose_model_is_gone_still_says_how_it_was_set_up(tmp_path: Path) -> None:
    engine = ScriptedEngine(models=("gone/model",))
    core = fake_core(engine=engine, home=tmp_path)
    wish = StartChat(model=ModelWish(model="gone/model", temperature=0.4, backend="mine"))
    chat = await core.chats.start(ANN, wish)
    del engine._models["gone/model"]
    again = await core.chats.of(ANN, chat.conversation)
    assert (again.model.model, again.model.temperature) == ("gone/model", 0.4)
    with pytest.raises(InvalidRequest, match="there is no model 'gone/model'"):
        await core.chats.say(ANN, chat.conversation, user_message("hello"))


def test_slugs_are_words_and_rarer_when_they_are_taken() -> None:
    assert all(is_slug(new_slug()) for _ in range(50))
    assert new_slug(9).rpartition("-")[2].isdigit()
    for text_ in ("", "one", "Two-Words", "a-b/../c", "a" * 90 + "-b"):
        assert not is_slug(text_)


def test_a_served_model_with_a_vendors_name_follows_the_vendors_rules() -> None:
    served = [ModelInfo(id="gpt-4o", name="mine")]
    settled = settle(ModelWish(model="gpt-4o"), served)
    assert (settled.temperature, settled.max_tokens, settled.backend) == (0.5, 16_384, "openai")
    for id, thinks in (
        ("claude-3-5-haiku-latest", False),
        ("claude-3-opus-20240229", False),
        ("claude-sonnet-4-5", True),
    ):
        model = vendor_model(id)
        assert model is not None
        assert model.takes_budget is thinks
    assert vendor_model("claude-" + "x" * 100) is None
    assert vendor_model("gpt-99") is None


async def test_when_no_name_is_free_somebody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(actor: Actor, wish: StartConversation) -> None:
        raise Conflict("this slug is taken", field="slug")

    core = fake_core(home=tmp_path)
    monkeypatch.setattr(core.conversations, "start", full)
    with pytest.raises(Conflict, match="no name was found"):
        await core.chats.start(ANN, WISH)
