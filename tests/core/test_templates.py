"""Templates: one's own and the public ones, found without regard to case, on real databases too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_agents.core import templates
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from notebook_agents.core.templates import CreateTemplate, ListTemplates, TemplateChanges
from notebook_agents.core.users import Actor
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
ROOT = Actor(user_id="root", username="root", is_admin=True)
MakeCore = Callable[..., Core]


async def test_templates_are_kept_found_changed_and_removed(
    make_core: MakeCore, tmp_path: Path
) -> None:
    core = make_core(store=SqlStore.open(f"sqlite:///{tmp_path}/s.db", Holders(tmp_path / "h")))
    wish = CreateTemplate(name="A", category="DevOps", options={"max_turns": 3}, mode="background")
    own = await core.templates.create(ANN, wish)
    public = await core.templates.create(BOB, CreateTemplate(name="B", is_public=True))
    assert await core.templates.get(ANN, own.id) == own
    assert own.options == {"max_turns": 3}
    seen = await core.templates.list(ANN, ListTemplates())
    assert (seen.items, seen.total) == ((public, own), 2)
    found = await core.templates.list(ANN, ListTemplates(category="DEVOPS", is_public=False))
    assert found.items == (own,)
    assert (await core.templates.list(BOB, ListTemplates(category="devops"))).total == 0
    with pytest.raises(NotFound):
        await core.templates.get(BOB, own.id)
    with pytest.raises(NotPermitted):
        await core.templates.delete(ANN, public.id)
    changed = await core.templates.update(ANN, own.id, TemplateChanges(category="Data"))
    assert changed == await core.templates.get(ANN, own.id)
    assert (changed.category_key, changed.name, changed.options) == ("data", "A", own.options)
    with pytest.raises(InvalidRequest, match="empty"):
        await core.templates.update(ANN, own.id, TemplateChanges(name=" "))
    await core.templates.update(ROOT, public.id, TemplateChanges(is_public=False))
    with pytest.raises(NotFound):
        await core.templates.get(ANN, public.id)
    await core.templates.delete(ANN, own.id)
    assert (await core.templates.list(ANN, ListTemplates())).total == 0
    await core.aclose()


async def test_there_is_an_end_to_templates(
    make_core: MakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "MAX_TEMPLATES", 1)
    core = make_core()
    await core.templates.create(ANN, CreateTemplate(name="A"))
    with pytest.raises(Conflict, match="the most there may be"):
        await core.templates.create(ANN, CreateTemplate(name="B"))
    await core.templates.create(BOB, CreateTemplate(name="B"))
    await core.aclose()
