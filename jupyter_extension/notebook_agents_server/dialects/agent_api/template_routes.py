"""Session Template Endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import template_mapping as mapping
from notebook_agents_server.dialects.agent_api import template_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import AgentApiHandler
from notebook_agents_server.dialects.agent_api.sdk_options import settings_of
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents_server.dialects.agent_api.sdk_options import SdkOptions

TEMPLATES = "/api/v1/session-templates"


class TemplateHandler(AgentApiHandler):
    """A handler of templates."""

    async def check(self, options: SdkOptions | None) -> None:
        """Refuse options that no session could have."""
        if options is not None:
            settings_of(options, self.core.tools.names())
            if options.model is not None:
                await self.core.models.check(options.model)


class Templates(TemplateHandler):
    """``/api/v1/session-templates``."""

    endpoint = TEMPLATES

    @operation(query=wire.TemplatesQuery, answer=wire.TemplatesAnswer, example="templates")
    async def get(self) -> None:
        """The caller's templates and the public ones, newest first."""
        query = self.parse_query(wire.TemplatesQuery)
        page = await self.core.templates.list(self.actor, mapping.list_from_wire(query))
        self.reply(mapping.templates_to_wire(page, self.request.path, query))

    @operation(
        body=wire.CreateTemplateRequest,
        answer=wire.TemplateAnswer,
        status=201,
        errors=(409,),
        example="template_create",
    )
    async def post(self) -> None:
        """Save starting values of sessions."""
        body = self.parse(wire.CreateTemplateRequest)
        await self.check(body.sdk_options)
        wish = mapping.create_from_wire(body)
        template = await self.core.templates.create(self.actor, wish)
        self.reply(mapping.template_to_wire(template), status=201)


class Template(TemplateHandler):
    """``/api/v1/session-templates/{template_id}``."""

    endpoint = f"{TEMPLATES}/{{template_id}}"

    @operation(answer=wire.TemplateAnswer, example="template")
    async def get(self, template_id: str) -> None:
        """A template."""
        id = self.id_of("template", template_id)
        self.reply(mapping.template_to_wire(await self.core.templates.get(self.actor, id)))

    @operation(body=wire.ChangeTemplateRequest, answer=wire.TemplateAnswer)
    async def put(self, template_id: str) -> None:
        """Change what is given; sessions that were made with it stay as they are."""
        id = self.id_of("template", template_id)
        body = self.parse(wire.ChangeTemplateRequest)
        await self.check(body.sdk_options)
        changes = mapping.changes_from_wire(body)
        self.reply(
            mapping.template_to_wire(await self.core.templates.update(self.actor, id, changes))
        )

    @operation(status=204)
    async def delete(self, template_id: str) -> None:
        """Delete a template; sessions that were made with it stay."""
        await self.core.templates.delete(self.actor, self.id_of("template", template_id))
        self.set_status(204)


ROUTES: list[Route] = [
    (TEMPLATES, Templates),
    (rf"{TEMPLATES}/([^/]+)", Template),
]
