"""Templates: saved starting values of conversations, for oneself or for everybody."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversation_states import ConversationMode
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Delete, Insert, Page, Patch, Query

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.users import Actor

MAX_TEMPLATES = 1000
"""Of one owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Starting values of a conversation."""

    id: str
    owner_id: str
    name: str
    description: str = ""
    category: str = ""
    category_key: str = ""
    """The category without regard to case, by which it is found."""
    mode: ConversationMode = "interactive"
    options: dict[str, Any] = field(default_factory=dict)
    """The settings in the client's own words; a client may override each of them."""
    is_public: bool = False
    """Whether everybody may see and use it; only its owner and administrators change it."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTemplate:
    """The wish for a new template."""

    name: str
    description: str = ""
    category: str = ""
    mode: ConversationMode = "interactive"
    options: dict[str, Any] = field(default_factory=dict)
    is_public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChanges:
    """A partial update: only the fields that are not None change."""

    name: str | None = None
    description: str | None = None
    category: str | None = None
    mode: ConversationMode | None = None
    options: dict[str, Any] | None = None
    is_public: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTemplates:
    """Which templates to list, newest first: one's own and the public ones."""

    category: str = ""
    """Without regard to case; empty means any."""
    is_public: bool | None = None
    limit: int = 50
    offset: int = 0


class Templates:
    """Create, read, change and remove templates."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, actor: Actor, wish: CreateTemplate) -> Template:
        """Save a new template."""
        _check_name(wish.name)
        own = Query(where={"owner_id": actor.user_id}, limit=1)
        if (await self._store.find(Template, own)).total >= MAX_TEMPLATES:
            raise Conflict(f"you have {MAX_TEMPLATES} templates, the most there may be")
        now = self._clock.now()
        template = Template(
            id=new_id(),
            owner_id=actor.user_id,
            **{f.name: getattr(wish, f.name) for f in fields(wish)},
            category_key=wish.category.casefold(),
            created_at=now,
            updated_at=now,
        )
        await self._store.commit(Insert(record=template))
        return template

    async def get(self, actor: Actor, id: str) -> Template:
        """A template of the actor's or a public one; NotFound for any other."""
        template = await self._store.get(Template, id)
        if template is None or not (template.is_public or _may_change(actor, template)):
            raise NotFound("template", id)
        return template

    async def list(self, actor: Actor, wish: ListTemplates) -> Page[Template]:
        """The templates that the actor may use, newest first."""
        where: dict[str, Any] = {}
        if wish.category:
            where["category_key"] = wish.category.casefold()
        if wish.is_public is not None:
            where["is_public"] = wish.is_public
        any_of: builtins.list[dict[str, Any]] = [{"owner_id": actor.user_id}, {"is_public": True}]
        query = Query(where=where, any_of=tuple(any_of), limit=wish.limit, offset=wish.offset)
        return await self._store.find(Template, query)

    async def update(self, actor: Actor, id: str, changes: TemplateChanges) -> Template:
        """Change the given fields and keep the rest; conversations that began with it stay."""
        template = await self._get_to_change(actor, id)
        given = {f.name: getattr(changes, f.name) for f in fields(changes)}
        values = {name: value for name, value in given.items() if value is not None}
        if "category" in values:
            values["category_key"] = values["category"].casefold()
        values["updated_at"] = self._clock.now()
        changed = replace(template, **values)
        _check_name(changed.name)
        await self._store.commit(Patch(kind=Template, id=template.id, fields=values))
        return changed

    async def delete(self, actor: Actor, id: str) -> None:
        """Remove a template; conversations that began with it stay."""
        template = await self._get_to_change(actor, id)
        await self._store.commit(Delete(kind=Template, id=template.id))

    async def _get_to_change(self, actor: Actor, id: str) -> Template:
        template = await self.get(actor, id)
        if not _may_change(actor, template):
            raise NotPermitted("only its owner and administrators change a public template")
        return template


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidRequest("the name must not be empty", field="name")


def _may_change(actor: Actor, template: Template) -> bool:
    return template.owner_id == actor.user_id or actor.is_admin
