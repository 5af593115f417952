"""Agent C shows nobody the sessions of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import NOTHING, Two, check_hidden

from notebook_agents_server.testing import Answer, Client

MOUNTS = pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_c"])


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@MOUNTS
async def test_interactions_and_events_are_their_owners(two: Two, mount: str) -> None:
    agent = (await two.ann.post("/v1/agents", {"name": "Mine"})).json["agent_id"]
    talk = await two.ann.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})
    id = talk.json["conversation_id"].removeprefix("conv_")
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    for path in ("/interactions/{}", "/interactions/{}/files", "/events/{}", "/events/{}/stream"):
        await check_hidden(hidden, "GET", path, id)
    await check_hidden(hidden, "DELETE", "/interactions/{}", id)
    assert (await hidden.ann.get(f"/events/{id}/stream")).status == 200
    await check_hidden(hidden, "GET", "/events/{}/replay-status", id)
    control: Any = {"action": "stop"}
    await check_hidden(hidden, "POST", "/events/{}/replay/control", id, control)
    assert (await hidden.bob.get("/interactions")).json == []
    assert len((await hidden.ann.get("/interactions")).json) == 1


@MOUNTS
async def test_files_are_their_owners(two: Two, mount: str) -> None:
    agent = (await two.ann.post("/v1/agents", {"name": "Mine"})).json["agent_id"]
    talk = await two.ann.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})
    id = talk.json["conversation_id"].removeprefix("conv_")
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    form = (
        '--x\r\nContent-Disposition: form-data; name="ui_session_id"\r\n\r\n{}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhi\r\n'
        "--x--\r\n"
    )

    async def send(person: Client, session: str) -> Answer:
        body = form.format(session).encode()
        kind = "multipart/form-data; boundary=x"
        return await person.ask("POST", "/upload_file", body, Content_Type=kind)

    theirs, none = await send(hidden.bob, id), await send(hidden.bob, NOTHING)
    assert (theirs.status, theirs.json) == (none.status, none.json) == (404, none.json)
    file = (await send(hidden.ann, id)).json["id"]
    await check_hidden(hidden, "GET", "/files/{}", id)
    for verb in ("GET", "DELETE"):
        await check_hidden(hidden, verb, f"/files/{{}}/{file}", id)
        await check_hidden(hidden, verb, f"/files/{id}/{{}}", file)
    assert (await hidden.ann.get(f"/files/{id}/{file}")).status == 200


@MOUNTS
async def test_sessions_are_their_owners_by_any_name(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    wish = {"model_name": "notebook-agents/tiny"}
    slug = (await hidden.ann.post("/initialize", wish)).json["ui_session_id"]
    listed = (await two.ann.get("/api/threads")).json["threads"]
    for id in (slug, listed[0]["id"].removeprefix("thread-")):
        for path in (
            "/get_agent_config/{}",
            "/get_agent_tools/{}",
            "/debug_agent_state/{}",
            "/chat_session_debug/{}",
        ):
            await check_hidden(hidden, "GET", path, id)
        for path, more in (
            ("/update_settings", {"temperature": 1.0}),
            ("/update_tools", {"tools": []}),
            ("/chat", {"message": "hello"}),
            ("/cancel", {}),
            ("/approve", {"approvals": [{"tool_call_id": "c", "approved": True}]}),
            ("/initialize", wish),
        ):
            theirs = await hidden.bob.post(path, {"ui_session_id": id, **more})
            none = await hidden.bob.post(path, {"ui_session_id": NOTHING, **more})
            assert theirs.status == none.status in (400, 404), (path, theirs.body)
            assert theirs.json == none.json, path
        assert (await hidden.bob.get(f"/verify_session/{id}")).json == {"valid": False}
        assert (await hidden.ann.get(f"/verify_session/{id}")).json == {"valid": True}
    debugged = (await hidden.ann.get(f"/chat_session_debug/{slug}")).json
    assert debugged["message_history"]["message_count"] == 0
