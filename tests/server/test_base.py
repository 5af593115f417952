"""The door: credentials, limits, request ids, CORS, errors."""

from __future__ import annotations

from notebook_agents_server.testing import Client


async def test_health_answers_without_credentials(client: Client) -> None:
    answer = await client.holding(None).get("/v1/health")
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "healthy"
