"""Sessions: the rules of models, personas, changes on the way, tools, and what debugging shows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.core import Core
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.ports import Patch
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

from .conftest import People, chat, config, initialize, spoken

SLUG = re.compile(r"[a-z]+-[a-z]+-[a-z]+")
NOTHING = "00000000-0000-7000-8000-000000000000"


async def model_of(api: Client, **wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await config(api, await initialize(api, **wish)))["model_info"]
    return found


async def test_C_09_C_10_a_session_has_one_memorable_id_under_two_names(both: Client) -> None:
    first, second = await initialize(both), await initialize(both)
    assert SLUG.fullmatch(first)
    assert first != second
    missing = await both.post("/initialize", {})
    assert (missing.status, "model_name" in missing.json["detail"]) == (400, True)


async def test_C_11_the_documented_fields_hold(api: Client, engine: ScriptedEngine) -> None:
    session = await initialize(
        api,
        backend="notebook-agents",
        persona_name="default",
        custom_prompt="Answer in French.",
        temperature=0.7,
        max_tokens=8192,
    )
    shown = await config(api, session)
    assert shown["backend"] == "notebook-agents"
    assert shown["custom_prompt"] == "Answer in French."
    assert shown["persona_name"] == "default"
    assert shown["model_info"] == {
        "name": BUNDLED_MODEL,
        "temperature": 0.7,
        "reasoning_effort": None,
        "extended_thinking": False,
        "budget_tokens": 0,
        "max_tokens": 8192,
    }
    await chat(api, session, "hello")
    (request,) = engine.requests
    assert (request.sampling.temperature, request.sampling.max_tokens) == (0.7, 8192)
    system = request.messages[0]
    assert system.role == "system"
    assert "# Default" in system.text
    assert "Answer in French." in system.text


async def test_C_11_what_a_model_does_not_have_is_named_and_not_kept(api: Client) -> None:
    body = {"model_name": BUNDLED_MODEL, "backend": "openai", "reasoning_effort": "high"}
    answer = await api.post("/initialize", {**body, "budget_tokens": 100})
    assert answer.json["not_applied"] == ["backend", "reasoning_effort", "budget_tokens"]
    wish = {"model_name": BUNDLED_MODEL, "persona_name": "nobody"}
    assert (await api.post("/initialize", wish)).json["not_applied"] == ["persona_name"]
    shown = await config(api, answer.json["ui_session_id"])
    assert shown["model_info"]["reasoning_effort"] is None
    assert shown["model_info"]["budget_tokens"] == 0


async def test_C_12_a_session_goes_on_with_its_history_and_other_settings(
    api: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(api)
    await chat(api, session, "first")
    again = await initialize(api, "other/model", ui_session_id=session, temperature=1)
    assert again == session
    await chat(api, session, "second")
    assert engine.requests[-1].model == "other/model"
    texts = [m.text for m in engine.requests[-1].messages if m.role != "system"]
    assert texts == ["first", "You said: first", "second"]
    unknown = await api.post(
        "/initialize", {"model_name": BUNDLED_MODEL, "ui_session_id": "brave-blue-bison"}
    )
    assert unknown.status == 400


@pytest.mark.parametrize("model", ["o1", "o1-mini", "o3-mini"])
async def test_C_13_the_effort_of_reasoning_models_falls_back_to_medium(
    api: Client, model: str
) -> None:
    efforts = [
        (await model_of(api, model_name=model, **wish))["reasoning_effort"]
        for wish in ({}, {"reasoning_effort": "extreme"}, {"reasoning_effort": "high"})
    ]
    assert efforts == ["medium", "medium", "high"]


async def test_C_14_C_15_C_16_claude_models_have_their_own_limits(api: Client) -> None:
    latest = "claude-3-7-sonnet-latest"
    thinking = await model_of(api, model_name=latest, budget_tokens=2000)
    assert (thinking["budget_tokens"], thinking["max_tokens"]) == (2000, 64000)
    assert thinking["extended_thinking"] is True
    chosen = await model_of(api, model_name=latest, budget_tokens=2000, max_tokens=9000)
    assert chosen["max_tokens"] == 9000
    plain = await model_of(api, model_name=latest)
    assert (plain["budget_tokens"], plain["max_tokens"]) == (0, 8192)
    assert plain["extended_thinking"] is False
    older = await model_of(api, model_name="claude-3-5-sonnet-latest")
    assert older["max_tokens"] == 8192
    assert (await model_of(api, model_name="gpt-4o"))["max_tokens"] == 16384
    assert (await model_of(api, model_name="gpt-4o-audio-preview"))["name"]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"model_name": "notebook-agents/tinny"}, "did you mean 'notebook-agents/tiny'?"),
        ({"model_name": "gpt-4p"}, "did you mean 'gpt-4o'?"),
        ({"model_name": "zzz"}, "there is no model 'zzz'; known: notebook-agents/tiny"),
        ({"model_name": "gpt-4o", "temperature": 3}, "temperature must be from 0 to 2, not 3"),
        ({"model_name": BUNDLED_MODEL, "max_tokens": 0}, "max_tokens must be at least 1"),
        ({"model_name": "gpt-4o", "max_tokens": 99999}, "max_tokens must be from 1 to 16384"),
        (
            {"model_name": "claude-3-7-sonnet-latest", "budget_tokens": 500, "max_tokens": 400},
            "budget_tokens must be from 0 to 399",
        ),
        ({"model_name": BUNDLED_MODEL, "top_p": 1}, "unknown field 'top_p'"),
    ],
)
async def test_C_17_parameters_that_are_not_valid_are_refused(
    api: Client, wish: dict[str, Any], said: str
) -> None:
    answer = await api.post("/initialize", wish)
    assert answer.status == 400
    assert said in answer.json["detail"]


async def test_C_19_a_session_is_verified_for_real(both: Client, people: People) -> None:
    session = await initialize(both)
    assert (await both.get(f"/verify_session/{session}")).json == {"valid": True}
    for other in ("brave-blue-bison", NOTHING, "%20"):
        assert (await both.get(f"/verify_session/{other}")).json == {"valid": False}
    assert (await people.bob.get(f"/verify_session/{session}")).json == {"valid": False}


async def test_an_archived_session_is_not_valid_and_says_so_when_spoken_to(
    api: Client, core: Core
) -> None:
    session = await initialize(api)
    user = await core.users.find("admin")
    assert user is not None
    actor = Actor(user_id=user.id, username=user.username)
    id = (await core.conversations.resolve(actor, session)).id
    await core._ports.store.commit(Patch(kind=Conversation, id=id, fields={"state": "archived"}))
    assert (await api.get(f"/verify_session/{session}")).json == {"valid": False}
    for path, more in (("/chat", {"message": "hi"}), ("/initialize", {"model_name": "o1"})):
        answer = await api.post(path, {"ui_session_id": session, **more})
        assert answer.status == 409
        assert "archived" in answer.json["detail"]


async def test_every_endpoint_takes_the_uuid_too(api: Client, core: Core) -> None:
    session = await initialize(api)
    user = await core.users.find("admin")
    assert user is not None
    actor = Actor(user_id=user.id, username=user.username)
    id = (await core.conversations.list(actor)).items[0].id
    for form in (id, id.upper(), id.replace("-", "")):
        assert (await config(api, form))["ui_session_id"] == session
    assert spoken(await chat(api, id, "hi")) == "You said: hi"


async def test_C_28_settings_change_and_say_what_became_of_them(both: Client) -> None:
    session = await initialize(both, "gpt-4o")
    answer = await both.post(
        "/update_settings",
        {
            "ui_session_id": session,
            "temperature": 0.7,
            "custom_prompt": "Be brief and exact",
            "reasoning_effort": None,
            "budget_tokens": 5,
            "persona_name": "nobody at all",
        },
    )
    assert answer.json == {
        "status": "success",
        "message": f"Settings updated successfully for Agent {session}",
        "changes_made": {
            "temperature": {"from": "0.5", "to": "0.7"},
            "custom_prompt": {"from": "", "to": "Be brief a"},
        },
        "skipped_null_values": ["reasoning_effort"],
        "failed_updates": ["persona_name", "budget_tokens"],
    }
    shown = await config(both, session)
    assert (shown["model_info"]["temperature"], shown["persona_name"]) == (0.7, "default")
    bad = await both.post("/update_settings", {"ui_session_id": session, "temperature": 9})
    assert (bad.json["failed_updates"], bad.json["changes_made"]) == (["temperature"], {})


async def test_C_28_a_change_holds_for_the_next_answer_and_follows_the_rules(
    api: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(api)
    wish = {"ui_session_id": session, "temperature": 0.25, "persona_name": "teacher"}
    changes = (await api.post("/update_settings", wish)).json["changes_made"]
    assert changes["persona_name"] == {"from": "default", "to": "teacher"}
    assert changes["temperature"] == {"from": "None", "to": "0.25"}
    await chat(api, session, "hello")
    assert engine.requests[0].sampling.temperature == 0.25
    assert "# Teacher" in engine.requests[0].messages[0].text
    thinker = await initialize(api, "claude-3-7-sonnet-latest")
    wish = {"ui_session_id": thinker, "budget_tokens": 10_000}
    changes = (await api.post("/update_settings", wish)).json["changes_made"]
    assert changes["max_tokens"] == {"from": "8192", "to": "64000"}
    reasoner = await initialize(api, "o1")
    wish = {"ui_session_id": reasoner, "reasoning_effort": "low", "temperature": 1.0}
    answer = (await api.post("/update_settings", wish)).json
    assert answer["failed_updates"] == ["temperature"]
    assert answer["changes_made"] == {"reasoning_effort": {"from": "medium", "to": "low"}}


async def test_C_29_C_32_C_36_C_39_C_42_C_45_unknown_sessions_are_404(
    api: Client, people: People
) -> None:
    session = await initialize(api)
    for id in ("brave-blue-bison", NOTHING):
        for path in (
            "get_agent_config",
            "get_agent_tools",
            "debug_agent_state",
            "chat_session_debug",
        ):
            answer = await api.get(f"/{path}/{id}")
            assert (answer.status, answer.json) == (404, {"detail": "Session not found"})
            assert (await people.bob.get(f"/{path}/{session}")).status == 404
        for path, name, value in (("settings", "temperature", 1), ("tools", "tools", [])):
            body: dict[str, Any] = {"ui_session_id": id, name: value}
            answer = await api.post(f"/update_{path}", body)
            assert (answer.status, answer.json) == (404, {"detail": "Session not found"})
            body["ui_session_id"] = session
            assert (await people.bob.post(f"/update_{path}", body)).status == 404


async def test_C_31_the_configuration_is_as_documented(both: Client) -> None:
    session = await initialize(both, "gpt-4o", temperature=0.7)
    answer = (await both.get(f"/get_agent_config/{session}")).json
    assert answer["status"] == "success"
    shown = answer["config"]
    assert shown["backend"] == "openai"
    assert shown["ui_session_id"] == shown["agent_c_session_id"] == session
    assert shown["model_info"] == {
        "name": "gpt-4o",
        "temperature": 0.7,
        "reasoning_effort": None,
        "extended_thinking": False,
        "budget_tokens": 0,
        "max_tokens": 16384,
    }
    assert shown["initialized_tools"] == ["CodeTools"]
    assert isinstance(shown["user_id"], str)


async def test_C_34_C_35_C_38_tools_are_chosen_by_toolset(
    both: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(both, "other/model")
    tools = (await both.get(f"/get_agent_tools/{session}")).json
    assert tools == {"initialized_tools": ["CodeTools"], "status": "success"}
    none = await both.post("/update_tools", {"ui_session_id": session, "tools": []})
    assert none.json == {
        "status": "success",
        "message": "Tools updated successfully",
        "active_tools": [],
        "ui_session_id": session,
        "agent_c_session_id": session,
    }
    await chat(both, session, "hello")
    assert names_of_tools(engine) == []
    body: dict[str, Any] = {"ui_session_id": session, "tools": ["CodeTools"]}
    assert (await both.post("/update_tools", body)).json["active_tools"] == ["CodeTools"]
    await chat(both, session, "hello")
    assert names_of_tools(engine) == ["python_executor"]
    wrong: Any
    for wrong in ("CodeTools", ["CodTools"], [1], None):
        answer = await both.post("/update_tools", {"ui_session_id": session, "tools": wrong})
        assert answer.status == 400, wrong
    assert (
        "did you mean 'CodeTools'?"
        in (
            await both.post("/update_tools", {"ui_session_id": session, "tools": ["CodTools"]})
        ).json["detail"]
    )


def names_of_tools(engine: ScriptedEngine) -> list[str]:
    """What the model was told of in its last step."""
    return [tool.name for tool in engine.requests[-1].tools]


async def test_C_41_the_state_shows_what_was_asked_and_what_the_next_answer_takes(
    both: Client,
) -> None:
    session = await initialize(both, "gpt-4o", temperature=0.7)
    answer = (await both.get(f"/debug_agent_state/{session}")).json
    assert answer["status"] == "success"
    assert answer["agent_bridge_params"] == {
        "temperature": 0.7,
        "reasoning_effort": None,
        "extended_thinking": False,
        "budget_tokens": 0,
        "max_tokens": 16384,
    }
    inside = answer["internal_agent_params"]
    assert (inside["type"], inside["temperature"], inside["max_tokens"]) == (
        "AgentLoop",
        0.7,
        16384,
    )
    assert inside["tools"] == ["python_executor", "*__*"]


async def test_C_44_debugging_a_session_shows_agent_manager_and_history(both: Client) -> None:
    session = await initialize(both)
    await chat(both, session, "x" * 3000)
    answer = (await both.get(f"/chat_session_debug/{session}")).json
    assert answer["agent"]["model"] == BUNDLED_MODEL
    assert answer["session_manager"]["n_runs"] == 1
    assert answer["session_manager"]["last_run_state"] == "succeeded"
    assert answer["session_manager"]["started_through"] == "agent_c"
    asked, replied = answer["message_history"]["messages"]
    assert (asked["role"], asked["n_chars"], len(asked["content"])) == ("user", 3000, 1000)
    assert replied["role"] == "assistant"
