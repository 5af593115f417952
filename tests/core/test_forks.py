"""What a fork works in, and what the model is no longer told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from notebook_agents.core.conversations import ConversationChanges, ForkConversation
from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine

ANN = Actor(user_id="ann", username="ann")
MakeCore = Callable[..., Core]


async def test_a_fork_in_place_works_in_the_folder_of_its_owner(
    make_core: MakeCore, driver: Any, tmp_path: Path
) -> None:
    core = make_core("one")
    folder = tmp_path / "mine"
    folder.mkdir()
    run = await driver.finish(core, "1", workspace=str(folder))
    wish = ForkConversation(in_place=True, with_files=True)
    fork = await core.conversations.fork(ANN, run.conversation_id, wish)
    assert fork.workspace == str(folder)
    own = await core.conversations.fork(ANN, run.conversation_id)
    assert own.workspace != str(folder)
    await core.aclose()


async def test_a_fork_in_place_of_a_folder_of_ours_gets_its_own(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core("one")
    run = await driver.finish(core, "1")
    original = await core.conversations.get(ANN, run.conversation_id)
    fork = await core.conversations.fork(ANN, original.id, ForkConversation(in_place=True))
    assert fork.workspace != original.workspace
    assert Path(fork.workspace).is_dir()
    await core.aclose()


async def test_a_hidden_exchange_is_kept_but_not_told_to_the_model(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("one", "two", "three")
    core = make_core(engine=engine)
    first = await driver.finish(core, "secret")
    id = first.conversation_id
    conversation = await core.conversations.get(ANN, id)
    settings = replace(conversation.settings, hidden_runs=(first.id,))
    await core.conversations.update(ANN, id, ConversationChanges(settings=settings))
    await driver.finish(core, "2", conversation_id=id)
    assert [m.text for m in engine.requests[-1].messages if m.role == "user"] == ["2"]
    assert len(await core.conversations.messages(ANN, id)) == 4
    await core.aclose()
