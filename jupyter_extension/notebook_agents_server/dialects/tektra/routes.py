"""Tektra's routes: parse, call the core, reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from notebook_agents.core.agents import ListAgents
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.base import (
    VERSION,
    BaseHandler,
    Dialect,
    Route,
    UnknownPath,
    raise_if_failed,
)
from notebook_agents_server.dialects.tektra import (
    auth_routes,
    mapping,
    system_mapping,
    system_wire,
    tool_mapping,
    webhook_routes,
    wire,
)
from notebook_agents_server.dialects.tektra.dialect import TEKTRA
from notebook_agents_server.dialects.tektra.sockets import AgentStreamSocket, ConversationSocket
from notebook_agents_server.operations import operation

ALL = 10_000
"""More agents than one person has."""


class TektraHandler(BaseHandler):
    """A handler that answers errors as Tektra documents them."""

    dialect: ClassVar[Dialect] = TEKTRA

    async def finish_run(self, wish: StartRun, *, status: int) -> None:
        """Start a run, wait for its end and answer with it; it goes on without the client."""
        run = await self.core.runs.start(self.actor, wish)
        run = await self.core.runs.wait(self.actor, run.id)
        raise_if_failed(run)
        self.reply(mapping.run_to_wire(run), status=status)


class Agents(TektraHandler):
    """``/v1/agents``."""

    limit_groups: ClassVar[Mapping[str, str]] = {"post": "agent_creation"}

    @operation(query=wire.ListAgentsQuery, answer=wire.AgentsAnswer, example="list_agents")
    async def get(self) -> None:
        """A page of agents."""
        query = self.parse_query(wire.ListAgentsQuery)
        wish = mapping.list_from_wire(query)
        if query.status == "idle":
            active = await self.core.agents.list(self.actor, replace(wish, limit=ALL, offset=0))
            page = mapping.idle_page(active.items, wish, datetime.now(UTC))
        else:
            page = await self.core.agents.list(self.actor, wish)
        self.reply(mapping.agents_to_wire(page))

    @operation(
        body=wire.CreateAgentRequest,
        answer=wire.AgentCreatedAnswer,
        status=201,
        example="create_agent",
    )
    async def post(self) -> None:
        """A new agent."""
        body = self.parse(wire.CreateAgentRequest)
        await self.require_memory(body.max_memory_mb)
        agent = await self.core.agents.create(self.actor, mapping.create_agent_from_wire(body))
        model = await self.core.models.get(agent.model)
        health = await self.core.models.health()
        specs = self.core.tools.specs()
        self.reply(mapping.agent_created_to_wire(agent, model, health, specs), status=201)


class Agent(TektraHandler):
    """``/v1/agents/{agent_id}``."""

    @operation(answer=wire.AgentAnswer, example="get_agent")
    async def get(self, agent_id: str) -> None:
        """All about an agent."""
        await self._reply_agent(self.id_of("agent", agent_id))

    @operation(body=wire.UpdateAgentRequest, answer=wire.AgentAnswer, example="update_agent")
    async def put(self, agent_id: str) -> None:
        """Change what is given."""
        id = self.id_of("agent", agent_id)
        body = self.parse(wire.UpdateAgentRequest)
        await self.require_memory(body.max_memory_mb)
        await self.core.agents.update(self.actor, id, mapping.agent_changes_from_wire(body))
        await self._reply_agent(id)

    @operation(answer=wire.AgentDeletedAnswer, errors=(409,), example="delete_agent")
    async def delete(self, agent_id: str) -> None:
        """Remove an agent."""
        agent = await self.core.agents.delete(self.actor, self.id_of("agent", agent_id))
        self.reply(
            wire.AgentDeletedAnswer(
                message="Agent deleted successfully",
                agent_id=mapping.printed("agent", agent.id),
                deleted_at=datetime.now(UTC),
            )
        )

    async def _reply_agent(self, id: str) -> None:
        agent = await self.core.agents.get(self.actor, id)
        statistics = await self.core.agents.statistics(self.actor, id)
        models = {model.id: model for model in await self.core.models.list()}
        health = await self.core.models.health()
        usage = mapping.resource_usage_to_wire(agent, models.get(agent.model), health)
        self.reply(mapping.agent_to_wire(agent, statistics, usage))


class Conversations(TektraHandler):
    """``POST /v1/agents/{agent_id}/conversations``."""

    scope = "run"
    limit_group = "conversations"

    @operation(
        body=wire.StartConversationRequest,
        answer=wire.ConversationAnswer,
        status=201,
        errors=(409,),
        example="start_conversation",
        tag="conversations",
    )
    async def post(self, agent_id: str) -> None:
        """Begin a conversation and answer its first message."""
        id = self.id_of("agent", agent_id)
        body = self.parse(wire.StartConversationRequest)
        await self.finish_run(mapping.start_from_wire(id, body), status=201)


class Messages(TektraHandler):
    """``POST /v1/conversations/{conversation_id}/messages``."""

    scope = "run"
    limit_group = "conversations"

    @operation(
        body=wire.ContinueConversationRequest,
        answer=wire.ConversationAnswer,
        errors=(409,),
        example="continue_conversation",
    )
    async def post(self, conversation_id: str) -> None:
        """Answer a follow-up message."""
        id = self.id_of("conversation", conversation_id)
        body = self.parse(wire.ContinueConversationRequest)
        message = mapping.message_from_wire(body.message, body.attachments)
        await self.finish_run(mapping.continue_from_wire(id, message), status=200)


class Conversation(TektraHandler):
    """``GET /v1/conversations/{conversation_id}``."""

    limit_group = "conversations"

    @operation(answer=wire.HistoryAnswer, example="conversation_history")
    async def get(self, conversation_id: str) -> None:
        """The whole history."""
        id = self.id_of("conversation", conversation_id)
        conversation = await self.core.conversations.get(self.actor, id)
        nodes = await self.core.conversations.messages(self.actor, id)
        self.reply(mapping.history_to_wire(conversation, nodes))


class Tools(TektraHandler):
    """``GET /v1/tools``."""

    @operation(answer=wire.ToolsAnswer, example="list_tools")
    async def get(self) -> None:
        """Every tool, those of the caller's tool servers among them."""
        self.reply(tool_mapping.tools_to_wire(await self.core.tools.specs_for(self.actor)))


class ToolExecution(TektraHandler):
    """``POST /v1/tools/{tool_id}/execute``."""

    scope = "run"
    limit_group = "tool_execution"

    @operation(body=wire.ExecuteToolRequest, answer=wire.ExecutionAnswer, example="execute_tool")
    async def post(self, tool_id: str) -> None:
        """Use a tool without an agent."""
        body = self.parse(wire.ExecuteToolRequest)
        if label := body.security_context.user_id:
            self.log.info("request %s executes %r for %r", self.request_id, tool_id, label)
        wish = tool_mapping.execute_from_wire(tool_id, body)
        execution_id, result = await self.core.tools.execute(self.actor, wish)
        self.reply(tool_mapping.result_to_wire(tool_id, execution_id, result))


class Models(TektraHandler):
    """``GET /v1/models``."""

    limit_group = "model_queries"

    @operation(answer=system_wire.ModelsAnswer, example="list_models")
    async def get(self) -> None:
        """Every model."""
        self.reply(system_mapping.models_to_wire(await self.core.models.list()))


class ModelStatus(TektraHandler):
    """``GET /v1/models/{model_id}/status``; the id has slashes, raw or as ``%2F``."""

    limit_group = "model_queries"

    @operation(answer=system_wire.ModelStatusAnswer)
    async def get(self, model_id: str) -> None:
        """One model now."""
        model = await self.core.models.get(model_id)
        health = await self.core.models.health()
        self.reply(system_mapping.model_status_to_wire(model, health))


class Health(TektraHandler):
    """``GET /v1/health``."""

    is_public = True
    is_activity = False

    @operation(
        answer=system_wire.HealthAnswer, others={503: system_wire.HealthAnswer}, example="health"
    )
    async def get(self) -> None:
        """Whether everything works; 503 when the records cannot be read."""
        now = datetime.now(UTC)
        components = await self._components()
        answer = system_mapping.health_to_wire(components, await self._metrics(now), VERSION, now)
        self.reply(answer, status=503 if answer.status == "unhealthy" else 200)

    async def _components(self) -> system_wire.HealthComponents:
        core = self.core
        reads = await self.works(core.users.find(OWNER_USERNAME), "the database")
        engine = await core.models.health()
        levels = await core.sandbox.levels()
        is_contained = any(report.is_available for report in levels if report.level != "low")
        return system_wire.HealthComponents(
            database="healthy" if reads else "unhealthy",
            redis="not_used",
            models="healthy" if engine.is_ready or engine.starts_on_demand else "degraded",
            security="healthy" if is_contained else "degraded",
        )

    async def _metrics(self, now: datetime) -> system_wire.HealthMetrics:
        machine = await self.services.machine.read()
        # Anybody may ask, so only sums over everybody's runs; they tell of nobody in particular.
        totals = await self.core.analytics.totals(since=midnight(now))
        agents = await self.core.agents.list(self.gatekeeper.owner_actor, ListAgents(limit=ALL))
        return system_wire.HealthMetrics(
            active_agents=system_mapping.agent_metrics_to_wire(agents.items, now).active,
            total_requests_today=totals.n_runs,
            average_response_time_ms=round(totals.mean_duration_ms, 3),
            memory_usage_percent=machine.memory_percent,
            cpu_usage_percent=machine.cpu_percent,
        )


class Metrics(TektraHandler):
    """``GET /v1/metrics``."""

    @operation(answer=system_wire.MetricsAnswer, example="metrics")
    async def get(self) -> None:
        """Figures of the machine and of the caller's runs; an admin's count everybody's."""
        now = datetime.now(UTC)
        owner_id = None if self.actor.is_admin else self.actor.user_id
        totals = await self.core.analytics.totals(since=midnight(now), owner_id=owner_id)
        agents = await self.core.agents.list(self.actor, ListAgents(limit=ALL))
        self.reply(
            system_wire.MetricsAnswer(
                timestamp=now,
                system=system_mapping.machine_to_wire(await self.services.machine.read()),
                application=system_mapping.totals_to_wire(
                    totals, system_mapping.agent_metrics_to_wire(agents.items, now)
                ),
            )
        )


class Unknown(UnknownPath):
    """JSON 404 for the rest of ``/v1``."""

    dialect = TEKTRA


def midnight(now: datetime) -> datetime:
    """The beginning of the day, UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


ROUTES: list[Route] = [
    *auth_routes.ROUTES,
    (r"/v1/agents", Agents),
    (r"/v1/agents/([^/]+)", Agent),
    (r"/v1/agents/([^/]+)/conversations", Conversations),
    (r"/v1/conversations/([^/]+)", Conversation),
    (r"/v1/conversations/([^/]+)/messages", Messages),
    (r"/v1/tools", Tools),
    (r"/v1/tools/([^/]+)/execute", ToolExecution),
    (r"/v1/models", Models),
    (r"/v1/models/(.+)/status", ModelStatus),
    (r"/v1/health", Health),
    (r"/v1/metrics", Metrics),
    *webhook_routes.ROUTES,
    (r"/v1/ws/conversations/([^/]+)", ConversationSocket),
    (r"/v1/ws/stream/([^/]+)", AgentStreamSocket),
]
UNKNOWN: Route = (r"/v1(/.*)?", Unknown)
"""Mounted last; below the root only while no other dialect has paths there."""
