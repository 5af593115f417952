"""Sessions: made, listed, read, forked and deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.core import Core
from notebook_agents.core.policy import (
    ACCEPT_EDITS_POLICY,
    ALLOW_POLICY,
    DEFAULT_POLICY,
    PLAN_POLICY,
    ApprovalPolicy,
)
from notebook_agents.core.users import OWNER_USERNAME, Actor
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.testing import Client

from .conftest import DOCUMENTED, People, asked, made


async def stored(core: Core, id: str) -> Conversation:
    owner = await core.users.find(OWNER_USERNAME)
    assert owner is not None
    return await core.conversations.get(Actor(user_id=owner.id, username=owner.username), id)


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
async def test_S_10_S_11_S_13_S_63_a_session_is_made_as_documented(
    client: Client, core: Core, mount: str
) -> None:
    answer = await client.below(mount).post("/api/v1/sessions", DOCUMENTED)
    assert answer.status == 201
    session = answer.json
    assert session | DOCUMENTED == session, "echoed as sent"
    assert (session["status"], session["mode"]) == ("created", "interactive")
    assert session["created_at"].endswith("Z")
    conversation = await stored(core, session["id"])
    assert (conversation.owner_id, conversation.dialect) == (session["user_id"], "agent_api")
    assert conversation.settings.tools == ("file_reader", "file_writer", "shell", "*__*")
    assert Path(session["working_directory_path"]).is_dir()
    assert session["working_directory_path"] == conversation.workspace


POLICIES = {
    "default": DEFAULT_POLICY,
    "acceptEdits": ACCEPT_EDITS_POLICY,
    "bypassPermissions": ALLOW_POLICY,
    "plan": PLAN_POLICY,
}


async def test_S_11_options_become_settings_of_the_runs(api: Client, core: Core) -> None:
    policies: dict[str, ApprovalPolicy | None] = {}
    for mode in POLICIES:
        session = await made(api, sdk_options={"permission_mode": mode})
        policies[mode] = (await stored(core, session["id"])).settings.policy
    assert policies == POLICIES
    options = {
        "allowed_tools": ["Read", "shell", "Read"],
        "disallowed_tools": ["Bash"],
        "model": "other/model",
        "system_prompt": "Be short.",
        "append_system_prompt": "Be kind.",
        "max_turns": 3,
        "max_budget_usd": 0.5,
    }
    session = await made(api, sdk_options=options, timeout_seconds=60)
    assert session["sdk_options"] == options
    settings = (await stored(core, session["id"])).settings
    assert (settings.tools, settings.model) == (("file_reader", "*__*"), "other/model")
    assert settings.instructions == "Be short.\nBe kind."
    assert settings.limits is not None
    limits = settings.limits
    assert (limits.max_steps, limits.max_cost_usd, limits.timeout_s) == (3, 0.5, 60)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sdk_options": {"hooks": {}}}, "sdk_options.hooks"),
    ({"sdk_options": {"permission_mode": "yolo"}}, "sdk_options.permission_mode"),
    ({"sdk_options": {"max_turns": 0}}, "sdk_options.max_turns"),
    ({"sdk_options": {"allowed_tools": ["Raed"]}}, "sdk_options.allowed_tools"),
    ({"sdk_options": {"model": "no/such"}}, "model"),
    ({"mode": "forked"}, "mode"),
    ({"working_directory": "/etc"}, "working_directory"),
]


async def test_S_70_what_is_unknown_is_refused_by_name_with_422(api: Client) -> None:
    for fields, name in WRONG:
        answer = await api.post("/api/v1/sessions", {"name": "x", **fields})
        assert answer.status == 422, (fields, answer.body)
        assert answer.json["error_code"] == "VALIDATION_ERROR"
        assert [problem["field"] for problem in answer.json["errors"]] == [name]
    assert (
        "did you mean 'Read'?"
        in (await api.post("/api/v1/sessions", {"sdk_options": {"allowed_tools": ["Raed"]}})).json[
            "detail"
        ]
    )


async def test_S_14_S_15_S_16_S_17_S_18_S_19_S_61_sessions_are_listed_filtered_and_paged(
    api: Client,
) -> None:
    empty = await api.get("/api/v1/sessions")
    assert (empty.json["total"], empty.json["skip"], empty.json["limit"]) == (0, 0, 100)
    talked = await made(api, name="talked")
    await asked(api, talked["id"])
    background = await made(api, name="background", mode="non_interactive")
    newest = await made(api, name="newest")
    assert background["mode"] == "background"

    async def names(query: str) -> list[str]:
        answer = await api.get(f"/api/v1/sessions{query}")
        assert answer.status == 200, answer.body
        return [row["name"] for row in answer.json["items"]]

    assert await names("") == ["newest", "background", "talked"]
    assert await names("?status=active") == ["talked"]
    assert await names("?status=created&mode=interactive") == ["newest"]
    assert await names("?mode=background") == await names("?mode=non_interactive")
    page = (await api.get("/api/v1/sessions?skip=1&limit=1&mode=interactive")).json
    assert [row["id"] for row in page["items"]] == [talked["id"]]
    assert (page["total"], page["skip"], page["limit"]) == (2, 1, 1)
    assert page["links"]["next"] is None
    assert page["links"]["prev"].endswith("/api/v1/sessions?skip=0&limit=1&mode=interactive")
    assert (await api.get("/api/v1/sessions?limit=101")).json["limit"] == 100
    assert newest["id"] == (await api.get("/api/v1/sessions?limit=1")).json["items"][0]["id"]
    for wrong in ("?status=odd", "?mode=odd", "?skip=-1", "?limit=0", "?surprise=1"):
        refused = await api.get(f"/api/v1/sessions{wrong}")
        field = wrong[1:].partition("=")[0]
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, field)


async def test_S_20_a_session_has_totals_of_what_was_done(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("file_reader", path="a"), "Read it."]
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    before = (await api.get(at)).json
    assert (before["total_messages"], before["total_tool_calls"], before["started_at"]) == (
        (0, 0, None)
    )
    await asked(api, session["id"])
    after = (await api.get(at)).json
    assert (after["status"], after["total_messages"], after["total_tool_calls"]) == (
        ("active", 4, 1)
    )
    assert after["total_cost_usd"] is None, "no price is known"
    assert after["api_input_tokens"] > 0
    assert after["api_output_tokens"] == 3
    assert after["started_at"] > after["created_at"]


async def test_S_22_S_23_a_fork_shares_messages_and_copies_files(api: Client) -> None:
    session = await made(api)
    await asked(api, session["id"], "first")
    await asked(api, session["id"], "second")
    folder = Path(session["working_directory_path"])
    (folder / "sub").mkdir()
    (folder / "sub" / "data.csv").write_text("a,b\n")
    (folder / "link").symlink_to("/etc/passwd")
    at = f"/api/v1/sessions/{session['id']}/fork"
    answer = await api.post(at, {"name": "Forked Session"})
    assert answer.status == 201
    fork = answer.json
    assert (fork["parent_session_id"], fork["is_fork"]) == (session["id"], True)
    assert (fork["name"], fork["status"], fork["mode"]) == ("Forked Session", "created", "forked")
    assert fork["sdk_options"] == session["sdk_options"]
    copied = Path(fork["working_directory_path"])
    assert sorted(path.name for path in copied.rglob("*")) == ["data.csv", "sub"]
    (copied / "sub" / "data.csv").write_text("changed")
    assert (folder / "sub" / "data.csv").read_text() == "a,b\n"
    assert (await api.get(f"/api/v1/sessions/{fork['id']}/messages")).json["total"] == 4
    await asked(api, fork["id"], "third")
    assert (await api.get(f"/api/v1/sessions/{session['id']}/messages")).json["total"] == 4
    wish = {"fork_at_message": 2, "include_working_directory": False}
    partial = (await api.post(at, wish)).json
    assert partial["name"] == session["name"]
    rows = (await api.get(f"/api/v1/sessions/{partial['id']}/messages")).json["items"]
    assert [row["content"]["content"] for row in rows] == ["first", "You said: first"]
    assert not list(Path(partial["working_directory_path"]).iterdir())
    assert (await api.post(at, {"fork_at_message": 9})).status == 400


async def test_S_25_S_64_a_session_is_stopped_and_deleted_with_everything(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("shell", command="rm")]
    session = await made(api)
    assert (await asked(api, session["id"]))["status"] == "waiting"
    answer = await api.delete(f"/api/v1/sessions/{session['id']}")
    assert (answer.status, answer.body) == (204, b"")
    assert not Path(session["working_directory_path"]).exists()
    gone = await api.get(f"/api/v1/sessions/{session['id']}")
    assert (gone.status, gone.json["detail"]) == (404, "Session not found")
    assert (await api.get("/api/v1/sessions")).json["total"] == 0


async def test_S_66_S_68_nobody_sees_or_changes_another_ones_session(people: People) -> None:
    session = await made(people.ann)
    at = f"/api/v1/sessions/{session['id']}"
    assert (await people.nobody.get(at)).status == 401
    for verb, path, body in (
        ("GET", at, None),
        ("DELETE", at, None),
        ("POST", f"{at}/query", {"message": "hi"}),
        ("POST", f"{at}/fork", {}),
        ("POST", f"{at}/archive", {}),
        ("GET", f"{at}/messages", None),
        ("GET", f"{at}/tool-calls", None),
        ("GET", f"{at}/approvals", None),
        ("GET", f"{at}/archive/download", None),
    ):
        answer = await people.bob.ask(verb, path, body)
        assert (answer.status, answer.json["detail"]) == (404, "Session not found"), path
    assert (await people.bob.get("/api/v1/sessions")).json["total"] == 0
    assert (await people.ann.get(at)).json["status"] == "created"


async def test_K_07_K_08_K_10_a_session_is_seen_through_the_other_apis_and_theirs_here(
    client: Client, api: Client
) -> None:
    session = await made(api)
    await asked(api, session["id"], "Where am I?")
    talk = (await client.get(f"/v1/conversations/conv_{session['id'].replace('-', '')}")).json
    assert talk["messages"][0]["content"] == "Where am I?"
    thread = (await client.get(f"/api/threads/thread-{session['id'].replace('-', '')}")).json
    assert thread["title"] == session["name"]
    agent = (await client.post("/v1/agents", {"name": "Other"})).json["agent_id"]
    begun = await client.post(f"/v1/agents/{agent}/conversations", {"message": "From there"})
    id = begun.json["conversation_id"].removeprefix("conv_")
    here = (await api.get(f"/api/v1/sessions/{id}")).json
    assert (here["name"], here["sdk_options"], here["status"]) == ("From there", {}, "active")
    thread = (await client.post("/api/threads", {"title": "From Netra"})).json
    id = thread["id"].removeprefix("thread-")
    assert (await api.get(f"/api/v1/sessions/{id}")).json["name"] == "From Netra"
    assert (await api.get("/api/v1/sessions")).json["total"] == 3
