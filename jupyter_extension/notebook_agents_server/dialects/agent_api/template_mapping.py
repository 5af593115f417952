"""Between templates on the wire and in the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.templates import CreateTemplate, ListTemplates, TemplateChanges
from notebook_agents_server.dialects.agent_api import template_wire as wire
from notebook_agents_server.dialects.agent_api.paging import page_to_wire
from notebook_agents_server.dialects.agent_api.session_mapping import mode_from_wire

if TYPE_CHECKING:
    from notebook_agents.core.ports import Page
    from notebook_agents.core.templates import Template


def create_from_wire(body: wire.CreateTemplateRequest) -> CreateTemplate:
    """The template that is asked for."""
    return CreateTemplate(
        name=body.name,
        description=body.description or "",
        category=body.category or "",
        mode=mode_from_wire(body.default_mode) or "interactive",
        options=body.sdk_options.said(),
        is_public=body.is_public,
    )


def changes_from_wire(body: wire.ChangeTemplateRequest) -> TemplateChanges:
    """What is to change."""
    return TemplateChanges(
        name=body.name,
        description=body.description,
        category=body.category,
        mode=mode_from_wire(body.default_mode),
        options=None if body.sdk_options is None else body.sdk_options.said(),
        is_public=body.is_public,
    )


def list_from_wire(query: wire.TemplatesQuery) -> ListTemplates:
    """Which templates to list."""
    return ListTemplates(
        category=query.category or "",
        is_public=query.is_public,
        limit=query.limit,
        offset=query.skip,
    )


def template_to_wire(template: Template) -> wire.TemplateAnswer:
    """A template."""
    return wire.TemplateAnswer(
        id=template.id,
        user_id=template.owner_id,
        name=template.name,
        description=template.description,
        category=template.category or None,
        sdk_options=template.options,
        default_mode=template.mode,
        is_public=template.is_public,
        created_at=template.created_at,
        updated_at=template.updated_at,
    )


def templates_to_wire(
    page: Page[Template], path: str, query: wire.TemplatesQuery
) -> wire.TemplatesAnswer:
    """A page of templates."""
    rows = [template_to_wire(template) for template in page.items]
    return wire.TemplatesAnswer(**dict(page_to_wire(rows, page, path, query)))
