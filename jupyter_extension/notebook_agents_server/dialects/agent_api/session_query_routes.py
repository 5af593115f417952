"""Session Endpoints / query, and the answers of a person that a query may wait for.

A query is answered when its run has ended or needs a person. The run belongs to the session: it
goes on when the client goes away, and its messages are there when the client comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.errors import Conflict
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents_server.base import Route, raise_if_failed
from notebook_agents_server.dialects.agent_api import session_mapping as mapping
from notebook_agents_server.dialects.agent_api import session_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import session_of
from notebook_agents_server.dialects.agent_api.session_routes import ONE, SESSIONS, SessionHandler
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.runs import Run


class RunHandler(SessionHandler):
    """A handler that answers when a run has ended or needs a person."""

    scope = "run"

    async def answer(self, run_id: str) -> None:
        """Wait, then say what it came to."""
        run = await self.core.runs.wait(self.actor, run_id)
        raise_if_failed(run)
        transcript = await self.core.transcripts.get(self.actor, run.conversation_id)
        self.reply(mapping.query_to_wire(run, transcript))


class Query(RunHandler):
    """``POST /api/v1/sessions/{session_id}/query``."""

    endpoint = f"{SESSIONS}/{{session_id}}/query"

    @operation(
        body=wire.QueryRequest,
        answer=wire.QueryAnswer,
        errors=(400, 409),
        example="session_query",
    )
    async def post(self, session_id: str) -> None:
        """Say something and get the answer, or what a person must decide on first."""
        body, id = self.parse(wire.QueryRequest), await self.session_id(session_id)
        message = user_message(body.message)
        wish = StartRun(agent_id="", conversation_id=id, message=message, on_busy="reject")
        await self.answer((await self.core.runs.start(self.actor, wish)).id)


class Cancel(RunHandler):
    """``POST /api/v1/sessions/{session_id}/cancel``: beyond the document."""

    endpoint = f"{SESSIONS}/{{session_id}}/cancel"

    @operation(answer=wire.SessionAnswer, errors=(409,))
    async def post(self, session_id: str) -> None:
        """Stop what the session works on or asks about; what was said so far stays."""
        id = await self.session_id(session_id)
        await self.core.runs.cancel_all(self.actor, id)
        self.reply(mapping.session_to_wire(await session_of(self, id)))


class Approvals(RunHandler):
    """``/api/v1/sessions/{session_id}/approvals``."""

    endpoint = f"{SESSIONS}/{{session_id}}/approvals"

    @operation(answer=wire.ApprovalsAnswer)
    async def get(self, session_id: str) -> None:
        """The tool calls that wait for a person."""
        session = await session_of(self, session_id)
        run = await self._active_run(session.active_run_id)
        items = mapping.pending_to_wire(run, session.settings) if run else []
        self.reply(wire.ApprovalsAnswer(items=items, total=len(items)))

    @operation(body=wire.ApprovalRequest, answer=wire.QueryAnswer, errors=(400, 409))
    async def post(self, session_id: str) -> None:
        """Allow or deny them; the answer is that of the query, which goes on."""
        body = self.parse(wire.ApprovalRequest)
        session = await session_of(self, session_id)
        run = await self._active_run(session.active_run_id)
        if run is None or not run.pending:
            raise Conflict("nothing in this session waits for approval")
        decisions = mapping.decisions_from_wire(body, run)
        await self.core.runs.decide(self.actor, run.id, decisions)
        await self.answer(run.id)

    async def _active_run(self, id: str) -> Run | None:
        return await self.core.runs.get(self.actor, id) if id else None


ROUTES: list[Route] = [
    (rf"{ONE}/query", Query),
    (rf"{ONE}/cancel", Cancel),
    (rf"{ONE}/approvals", Approvals),
]
