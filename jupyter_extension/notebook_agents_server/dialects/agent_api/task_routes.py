"""Task Endpoints: save tasks, execute them, follow, cancel and go on with executions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.executions import Execution
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import task_mapping as mapping
from notebook_agents_server.dialects.agent_api import task_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import AgentApiHandler
from notebook_agents_server.operations import operation

TASKS = "/api/v1/tasks"
SSE = "text/event-stream"
FILES = "application/x-ipynb+json, text/html"


class TaskHandler(AgentApiHandler):
    """A handler of tasks."""

    def task_id(self, text: str) -> str:
        """The id in a path."""
        return self.id_of("task", text)

    async def execution(self, task_id: str, execution_id: str) -> Execution:
        """One of the caller's executions of that task."""
        found = await self.core.executions.get(self.actor, self.id_of("execution", execution_id))
        if found.task_id != self.task_id(task_id):
            raise NotFound("execution", execution_id)
        return found


class Tasks(TaskHandler):
    """``/api/v1/tasks``."""

    endpoint = TASKS

    @operation(query=wire.TasksQuery, answer=wire.TasksAnswer, example="tasks")
    async def get(self) -> None:
        """The caller's tasks, newest first."""
        query = self.parse_query(wire.TasksQuery)
        page = await self.core.tasks.list(self.actor, mapping.list_from_wire(query))
        self.reply(mapping.tasks_to_wire(page, self.request.path, query))

    @operation(
        body=wire.CreateTaskRequest,
        answer=wire.TaskAnswer,
        status=201,
        errors=(400, 403, 409),
        example="task_create",
    )
    async def post(self) -> None:
        """Save a task; with a schedule it is executed by itself from now on."""
        body = self.parse(wire.CreateTaskRequest)
        wish = mapping.create_from_wire(body, self.core.tools.names())
        self.reply(mapping.task_to_wire(await self.core.tasks.create(self.actor, wish)), status=201)


class Task(TaskHandler):
    """``/api/v1/tasks/{task_id}``."""

    endpoint = f"{TASKS}/{{task_id}}"

    @operation(answer=wire.TaskAnswer)
    async def get(self, task_id: str) -> None:
        """A task."""
        task = await self.core.tasks.get(self.actor, self.task_id(task_id))
        self.reply(mapping.task_to_wire(task))

    @operation(body=wire.ChangeTaskRequest, answer=wire.TaskAnswer, errors=(400, 403, 409))
    async def put(self, task_id: str) -> None:
        """Change what is given of a task; executions that have begun go on as they are."""
        task = await self.core.tasks.get(self.actor, self.task_id(task_id))
        body = self.parse(wire.ChangeTaskRequest)
        changes = mapping.changes_from_wire(body, task, self.core.tools.names())
        changed = await self.core.tasks.update(self.actor, task.id, changes)
        self.reply(mapping.task_to_wire(changed))

    @operation(status=204, errors=(409,))
    async def delete(self, task_id: str) -> None:
        """Delete a task with what its executions made; 409 while one goes on."""
        await self.core.tasks.delete(self.actor, self.task_id(task_id))
        self.set_status(204)
        self.finish()


class Execute(TaskHandler):
    """``POST /api/v1/tasks/{task_id}/execute``."""

    endpoint = f"{TASKS}/{{task_id}}/execute"

    @operation(
        body=wire.ExecuteRequest,
        answer=wire.ExecutionAnswer,
        errors=(400, 403, 409),
        example="task_execute",
    )
    async def post(self, task_id: str) -> None:
        """Do a task now; it goes on in the background."""
        wish = mapping.execute_from_wire(self.task_id(task_id), self.parse(wire.ExecuteRequest))
        execution = await self.core.executions.start(self.actor, wish)
        self.reply(mapping.execution_to_wire(execution))


class Executions(TaskHandler):
    """``GET /api/v1/tasks/{task_id}/executions``."""

    endpoint = f"{TASKS}/{{task_id}}/executions"

    @operation(query=wire.ExecutionsQuery, answer=wire.ExecutionsAnswer, example="task_executions")
    async def get(self, task_id: str) -> None:
        """The executions of a task, newest first."""
        query = self.parse_query(wire.ExecutionsQuery)
        task = await self.core.tasks.get(self.actor, self.task_id(task_id))
        wish = mapping.executions_from_wire(task.id, query)
        page = await self.core.executions.list(self.actor, wish)
        self.reply(mapping.executions_to_wire(page, self.request.path, query))


class OneExecution(TaskHandler):
    """``GET /api/v1/tasks/{task_id}/executions/{execution_id}``."""

    endpoint = f"{TASKS}/{{task_id}}/executions/{{execution_id}}"

    @operation(answer=wire.ExecutionDetailAnswer, errors=(400,))
    async def get(self, task_id: str, execution_id: str) -> None:
        """An execution with the files that it made."""
        found = await self.execution(task_id, execution_id)
        artifacts = await self.core.executions.artifacts(self.actor, found.id)
        self.reply(mapping.detail_to_wire(found, artifacts))


class Cancel(TaskHandler):
    """``POST /api/v1/tasks/{task_id}/executions/{execution_id}/cancel``."""

    endpoint = f"{TASKS}/{{task_id}}/executions/{{execution_id}}/cancel"

    @operation(answer=wire.ExecutionAnswer)
    async def post(self, task_id: str, execution_id: str) -> None:
        """Interrupt an execution; what there is of it stays. One that has ended is left alone."""
        found = await self.execution(task_id, execution_id)
        ended = await self.core.executions.cancel(self.actor, found.id)
        self.reply(mapping.execution_to_wire(ended))


class Resume(TaskHandler):
    """``POST /api/v1/tasks/{task_id}/executions/{execution_id}/resume``."""

    endpoint = f"{TASKS}/{{task_id}}/executions/{{execution_id}}/resume"

    @operation(answer=wire.ExecutionAnswer, errors=(403, 409))
    async def post(self, task_id: str, execution_id: str) -> None:
        """Go on with an execution that did not succeed, as another one; nothing is asked twice."""
        found = await self.execution(task_id, execution_id)
        resumed = await self.core.executions.resume(self.actor, found.id)
        self.reply(mapping.execution_to_wire(resumed))


class Events(TaskHandler):
    """``GET /api/v1/tasks/{task_id}/executions/{execution_id}/events``."""

    endpoint = f"{TASKS}/{{task_id}}/executions/{{execution_id}}/events"

    @operation(query=wire.ExecutionEventsQuery, content_type=SSE)
    async def get(self, task_id: str, execution_id: str) -> None:
        """Stream what happens, cell by cell, up to `execution_finished`."""
        after = self._after(self.parse_query(wire.ExecutionEventsQuery))
        found = await self.execution(task_id, execution_id)
        await self.stream(
            self._frames(found.id, after), content_type=SSE, last_words=mapping.error_to_wire
        )

    def _after(self, query: wire.ExecutionEventsQuery) -> int:
        seen = self.request.headers.get("Last-Event-ID", "")
        if seen and not (seen.isascii() and seen.isdigit() and len(seen) < 10):
            raise InvalidRequest("Last-Event-ID is a number", field="Last-Event-ID")
        return int(seen) if seen else query.after

    async def _frames(self, id: str, after: int) -> AsyncGenerator[bytes, None]:
        heartbeat_s = self.services.heartbeat_s
        watched = self.core.executions.watch(self.actor, id, after=after, heartbeat_s=heartbeat_s)
        async with aclosing(watched) as events:
            async for event in events:
                yield mapping.event_to_wire(event)


class Artifact(TaskHandler):
    """``GET /api/v1/tasks/{task_id}/executions/{execution_id}/artifacts/{name}``."""

    endpoint = f"{TASKS}/{{task_id}}/executions/{{execution_id}}/artifacts/{{name}}"

    @operation(content_type=FILES, errors=(400,))
    async def get(self, task_id: str, execution_id: str, name: str) -> None:
        """Download a file that an execution made; what it shows is somebody's, so never inline."""
        found = await self.execution(task_id, execution_id)
        artifact, content = await self.core.executions.artifact(self.actor, found.id, name)
        self.offer_download(artifact.name, artifact.media_type)
        self.finish(content)


_ONE = r"/api/v1/tasks/([^/]+)/executions/([^/]+)"
ROUTES: list[Route] = [
    (r"/api/v1/tasks", Tasks),
    (r"/api/v1/tasks/([^/]+)", Task),
    (r"/api/v1/tasks/([^/]+)/execute", Execute),
    (r"/api/v1/tasks/([^/]+)/executions", Executions),
    (_ONE, OneExecution),
    (rf"{_ONE}/cancel", Cancel),
    (rf"{_ONE}/resume", Resume),
    (rf"{_ONE}/events", Events),
    (rf"{_ONE}/artifacts/([^/]+)", Artifact),
]
