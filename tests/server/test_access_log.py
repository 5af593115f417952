"""What the log of the server says about requests."""

from __future__ import annotations

import logging

import pytest
from jupyter_server.serverapp import ServerApp

from notebook_agents_server.testing import Client, services_of


async def test_a_request_before_the_start_is_over_is_one_line_and_no_error(
    client: Client, jp_serverapp: ServerApp, caplog: pytest.LogCaptureFixture
) -> None:
    services = services_of(jp_serverapp)
    core, services.core = services.core, None
    caplog.set_level(logging.INFO)
    try:
        for path in ("/v1/agents?token=hidden", "/v1/health", "/health/ready"):
            caplog.clear()
            answer = await client.get(path, User_Agent="my-program")
            assert answer.status == 503
            lines = [record.getMessage() for record in caplog.records]
            assert len(lines) == 1
            assert lines[0].startswith(f"503 GET {client.base_path}{path.partition('?')[0]} (")
            assert caplog.records[0].levelno == logging.INFO
    finally:
        services.core = core


async def test_a_long_address_is_not_logged_whole(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await client.get("/v1/agents/" + "x" * 5000)).status == 404
    said = [record.getMessage() for record in caplog.records if "xxxx" in record.getMessage()]
    assert said
    assert all(len(line) < 1000 for line in said)
