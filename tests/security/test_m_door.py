"""M09: our endpoint of the Model Context Protocol lets nobody in whom other doors do not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.security.doors import person
from tests.server.test_mcp import INITIALIZE, PATH

from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

ACCEPT = "application/json, text/event-stream"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_m09_a_session_is_no_credential_and_an_origin_must_be_known(
    client: Client, core: Core
) -> None:
    ann = await person(client, core, "ann")
    key = (await ann.client.post("/v1/auth/keys", {"name": "k"})).json

    async def status(who: Client, path: str = PATH, **headers: str) -> int:
        return (await who.ask("POST", path, INITIALIZE, Accept=ACCEPT, **headers)).status

    assert await status(ann.client) == 200
    keyed = client.holding(key["api_key"])
    assert await status(keyed) == 200
    anybody = client.holding(None)
    assert await status(anybody) == 401
    assert await status(anybody, Mcp_Session_Id="0" * 32) == 401
    assert await status(anybody, Cookie="session=1") == 401
    assert await status(anybody, f"{PATH}?token={key['api_key']}") == 401
    for origin in ("https://evil.example.org", "null", f"{client.origin}.evil.org"):
        assert await status(ann.client, Origin=origin) == 403, origin
    assert await status(ann.client, Host="evil.example.org") == 403
    assert (await ann.client.delete(f"/v1/auth/keys/{key['key_id']}")).status == 200
    assert await status(keyed) == 401
