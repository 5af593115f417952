"""AIMOS's routes: parse, call the core, reply."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import ClassVar

from notebook_agents.core.users import OWNER_USERNAME
from notebook_agents_server.base import BaseHandler, Dialect, Route, UnknownPath
from notebook_agents_server.dialects.aimos import (
    mapping,
    system_mapping,
    system_wire,
    webhook_routes,
    wire,
)
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.dialects.aimos.sockets import UpdatesSocket
from notebook_agents_server.operations import operation

TOTAL_HEADER = "X-Total-Count"
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AimosHandler(BaseHandler):
    """A handler that answers errors as AIMOS documents them."""

    dialect: ClassVar[Dialect] = AIMOS


class Agents(AimosHandler):
    """``/api/agents``."""

    endpoint = "/api/agents"

    @operation(answer=wire.AgentsAnswer, query=wire.ListAgentsQuery, errors=(400,))
    async def get(self) -> None:
        """List the agents that you see, newest first; their number is in ``X-Total-Count``."""
        wish = mapping.list_from_wire(self.parse_query(wire.ListAgentsQuery))
        page = await self.core.agents.list(self.actor, wish)
        statistics = await self.core.agents.statistics_of(page.items)
        self.set_header(TOTAL_HEADER, str(page.total))
        self.reply(mapping.agents_to_wire(page.items, statistics))

    @operation(answer=wire.AgentAnswer, body=wire.CreateAgentRequest, status=201, errors=(400, 403))
    async def post(self) -> None:
        """Create an agent for everybody; for administrators."""
        self.require_admin()
        body = self.parse(wire.CreateAgentRequest)
        agent = await self.core.agents.create(self.actor, mapping.create_agent_from_wire(body))
        statistics = await self.core.agents.statistics(self.actor, agent.id)
        self.reply(mapping.agent_to_wire(agent, statistics), status=201)


class Agent(AimosHandler):
    """``/api/agents/{agent_id}``."""

    endpoint = "/api/agents/{agent_id}"

    @operation(answer=wire.AgentAnswer, errors=(404,))
    async def get(self, agent_id: str) -> None:
        """Get an agent with its figures."""
        await self._reply(self.id_of("agent", agent_id))

    @operation(answer=wire.AgentAnswer, body=wire.UpdateAgentRequest, errors=(400, 403, 404))
    async def put(self, agent_id: str) -> None:
        """Change what is given of an agent; for administrators."""
        self.require_admin()
        id = self.id_of("agent", agent_id)
        changes = mapping.agent_changes_from_wire(self.parse(wire.UpdateAgentRequest))
        await self.core.agents.update(self.actor, id, changes)
        await self._reply(id)

    @operation(status=204, errors=(403, 404))
    async def delete(self, agent_id: str) -> None:
        """Delete an agent; its executions stay in the log. For administrators."""
        self.require_admin()
        await self.core.agents.delete(self.actor, self.id_of("agent", agent_id))
        self.set_status(204)
        self.finish()

    async def _reply(self, id: str) -> None:
        agent = await self.core.agents.get(self.actor, id)
        statistics = await self.core.agents.statistics(self.actor, id)
        self.reply(mapping.agent_to_wire(agent, statistics))


class Execute(AimosHandler):
    """``/api/execute``."""

    endpoint = "/api/execute"
    scope = "run"

    @operation(answer=wire.ExecuteAnswer, body=wire.ExecuteRequest, errors=(400, 404))
    async def post(self) -> None:
        """Let agents carry out their roles, in the background: those you name or all active."""
        wish = mapping.execute_from_wire(self.parse(wire.ExecuteRequest), self.id_of)
        batch = await self.core.batches.start(self.actor, wish)
        self.reply(mapping.execution_to_wire(batch))


class Executions(AimosHandler):
    """``/api/executions``."""

    endpoint = "/api/executions"

    @operation(answer=wire.ExecutionsAnswer, query=wire.ListExecutionsQuery, errors=(400, 404))
    async def get(self) -> None:
        """List what agents did in your executions, newest first; administrators see everybody's."""
        query = self.parse_query(wire.ListExecutionsQuery)
        wish = mapping.executions_from_wire(query, self.id_of)
        page = await self.core.batches.list_runs(self.actor, wish)
        batches = await self.core.batches.of_runs(page.items)
        self.set_header(TOTAL_HEADER, str(page.total))
        self.reply(mapping.logs_to_wire(page.items, batches))


class Status(AimosHandler):
    """``/api/system/status``."""

    endpoint = "/api/system/status"
    is_activity = False

    @operation(answer=system_wire.StatusAnswer)
    async def get(self) -> None:
        """Get the state of the system and its figures over everybody's agents."""
        core = self.core
        totals = await core.analytics.totals()
        figures = system_mapping.SystemFigures(
            uptime_s=time.monotonic() - self.services.started_s,
            environment=self.services.environment,
            n_agents=await core.agents.count(),
            n_active_agents=await core.agents.count(status="active"),
            last_execution=totals.last_started,
        )
        self.reply(system_mapping.status_to_wire(await core.samples.newest(), figures))


class Metrics(AimosHandler):
    """``/api/system/metrics``."""

    endpoint = "/api/system/metrics"
    is_activity = False

    @operation(answer=system_wire.MetricsSeries, query=system_wire.MetricsQuery, errors=(400,))
    async def get(self) -> None:
        """List the samples of the machine in the last hours, newest first."""
        period = system_mapping.period_from_wire(self.parse_query(system_wire.MetricsQuery))
        self.reply(system_mapping.series_to_wire(await self.core.samples.of_last(period)))


class Prometheus(AimosHandler):
    """``/api/system/metrics/prometheus``."""

    endpoint = "/api/system/metrics/prometheus"
    is_activity = False

    @operation(content_type="text/plain")
    async def get(self) -> None:
        """Get AIMOS's metrics as Prometheus reads them."""
        meters = await self.services.measured()
        self.set_header("Content-Type", PROMETHEUS_TYPE)
        self.finish(meters.text())


class Health(AimosHandler):
    """``/api/health``."""

    endpoint = "/api/health"
    is_public = True
    is_activity = False

    @operation(answer=system_wire.HealthAnswer, others={503: system_wire.HealthAnswer})
    async def get(self) -> None:
        """Say whether the system serves; 503 when its records cannot be read."""
        is_healthy = await self.works(self.core.users.find(OWNER_USERNAME), "the database")
        answer = system_mapping.health_to_wire(datetime.now(UTC), is_healthy=is_healthy)
        self.reply(answer, status=200 if is_healthy else 503)


class Unknown(UnknownPath):
    """JSON 404 for the rest of AIMOS's paths."""

    dialect = AIMOS
    endpoint = "other"


ROUTES: list[Route] = [
    (r"/api/agents", Agents),
    (r"/api/agents/([^/]+)", Agent),
    (r"/api/execute", Execute),
    (r"/api/executions", Executions),
    (r"/api/system/status", Status),
    (r"/api/system/metrics", Metrics),
    (r"/api/system/metrics/prometheus", Prometheus),
    (r"/api/health", Health),
    *webhook_routes.ROUTES,
    (r"/api/ws/([^/]+)", UpdatesSocket),
]
UNKNOWN: Route = (r"/api/(?:agents|auth|execute|executions|system|webhooks|ws)/.+", Unknown)
"""Nothing broader: the rest of ``/api`` is Jupyter's own."""
