"""Session templates: saved, listed, used, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents_server.testing import Client

from .conftest import People

DOCUMENTED: dict[str, Any] = {
    "name": "DevOps Investigation Template",
    "description": "Pre-configured for infrastructure debugging",
    "category": "DEVOPS",
    "sdk_options": {"allowed_tools": ["Bash", "Read", "Write"], "permission_mode": "default"},
    "default_mode": "interactive",
    "is_public": False,
}
AT = "/api/v1/session-templates"


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
async def test_S_29_S_33_a_template_is_saved_and_read_as_documented(
    client: Client, mount: str
) -> None:
    api = client.below(mount)
    answer = await api.post(AT, DOCUMENTED)
    assert answer.status == 201
    template = answer.json
    assert template | DOCUMENTED == template
    assert template["created_at"].endswith("Z")
    assert (await api.get(f"{AT}/{template['id']}")).json == template
    unknown = await api.get(f"{AT}/{'0' * 32}")
    assert (unknown.status, unknown.json["detail"]) == (404, "Template not found")
    for wrong in (
        {"name": " "},
        {"name": "x", "sdk_options": {"odd": 1}},
        {"name": "x", "sdk_options": {"allowed_tools": ["Odd"]}},
        {"name": "x", "sdk_options": {"model": "no/such"}},
        {"name": "x", "mcp_server_ids": []},
    ):
        assert (await api.post(AT, wrong)).status == 422, wrong


async def test_S_30_S_31_S_32_templates_are_listed_by_category_and_who_may_see_them(
    people: People,
) -> None:
    async def names(client: Client, query: str = "") -> list[str]:
        answer = await client.get(f"{AT}{query}")
        assert answer.status == 200, answer.body
        assert answer.json["total"] == len(answer.json["items"])
        return [row["name"] for row in answer.json["items"]]

    for name, category, is_public in (
        ("mine", "DEVOPS", False),
        ("shown", "DevOps", True),
        ("other", "Straße", False),
    ):
        body = DOCUMENTED | {"name": name, "category": category, "is_public": is_public}
        row = (await people.ann.post(AT, body)).json
        assert row["category"] == category, "echoed as sent"
    assert await names(people.ann) == ["other", "shown", "mine"]
    assert await names(people.ann, "?category=devops") == ["shown", "mine"]
    assert await names(people.ann, "?category=STRASSE") == ["other"]
    assert await names(people.ann, "?is_public=false") == ["other", "mine"]
    assert await names(people.ann, "?category=Devops&is_public=true") == ["shown"]
    assert await names(people.bob) == ["shown"]
    assert (await people.ann.get(f"{AT}?limit=1")).json["links"]["next"].endswith("skip=1&limit=1")
    assert (await people.ann.get(f"{AT}?is_public=maybe")).status == 422


async def test_S_12_a_session_takes_a_templates_values_and_overrides_them(api: Client) -> None:
    body = DOCUMENTED | {"default_mode": "non_interactive"}
    template = (await api.post(AT, body)).json
    assert template["default_mode"] == "background"
    plain = (await api.post("/api/v1/sessions", {"template_id": template["id"]})).json
    assert (plain["name"], plain["mode"]) == (template["name"], "background")
    assert (plain["sdk_options"], plain["template_id"]) == (body["sdk_options"], template["id"])
    wish = {
        "name": "Own",
        "mode": "interactive",
        "template_id": template["id"],
        "sdk_options": {"permission_mode": "plan"},
    }
    own = (await api.post("/api/v1/sessions", wish)).json
    assert (own["name"], own["mode"]) == ("Own", "interactive")
    assert own["sdk_options"] == body["sdk_options"] | {"permission_mode": "plan"}
    missing = await api.post("/api/v1/sessions", {"template_id": "nothing"})
    assert (missing.status, missing.json["detail"]) == (404, "Template not found")


async def test_a_template_is_changed_and_deleted_by_its_owner_only(people: People) -> None:
    public = (await people.ann.post(AT, DOCUMENTED | {"is_public": True})).json
    private = (await people.ann.post(AT, DOCUMENTED)).json
    made = await people.bob.post("/api/v1/sessions", {"template_id": public["id"]})
    assert made.status == 201, "everybody may use a public one"
    for verb, body in (("PUT", {"name": "Stolen"}), ("DELETE", None)):
        refused = await people.bob.ask(verb, f"{AT}/{public['id']}", body)
        assert (refused.status, refused.json["error_code"]) == (403, "FORBIDDEN")
        hidden = await people.bob.ask(verb, f"{AT}/{private['id']}", body)
        assert (hidden.status, hidden.json["error_code"]) == (404, "NOT_FOUND")
    hidden = await people.bob.post("/api/v1/sessions", {"template_id": private["id"]})
    assert hidden.status == 404
    changes = {"category": "Data", "is_public": False, "sdk_options": {}}
    changed = (await people.ann.put(f"{AT}/{public['id']}", changes)).json
    assert changed | changes == changed
    assert (changed["name"], changed["updated_at"] > public["updated_at"]) == (public["name"], True)
    assert (await people.ann.get(f"{AT}?category=data")).json["total"] == 1
    assert (await people.ann.put(f"{AT}/{public['id']}", {"name": ""})).status == 422
    assert (await people.bob.get(f"{AT}/{public['id']}")).status == 404
    assert (await people.ann.delete(f"{AT}/{public['id']}")).status == 204
    assert (await people.ann.get(f"{AT}/{public['id']}")).status == 404
