"""Netra's threads: lists, messages, deletion, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

from .conftest import People, ScriptedOptimization
from .test_runs import error_of, finished


async def test_N_26_N_27_N_82_N_83_threads_are_a_page_of_both_shapes(
    netra: Client, core: Core
) -> None:
    runs = [(await finished(netra, core, message=f"request {n}")).json for n in range(3)]
    threads = (await netra.get("/api/threads")).json
    assert (threads["total"], threads["limit"], threads["offset"]) == (3, 20, 0)
    assert [row["id"] for row in threads["threads"]] == [r["thread_id"] for r in reversed(runs)]
    newest = threads["threads"][0]
    assert set(newest) == {"id", "title", "created_at", "updated_at", "message_count"}
    assert (newest["title"], newest["message_count"]) == ("request 2", 2)
    assert newest["created_at"] < newest["updated_at"]
    page = (await netra.get("/api/threads?limit=2&offset=1")).json
    assert page["data"] == page["threads"] == threads["threads"][1:]
    assert page["pagination"] == {"total": 3, "limit": 2, "offset": 1, "has_more": False}
    assert (await netra.get("/api/threads?limit=1000")).json["limit"] == 100


async def test_N_28_a_thread_has_its_messages(netra: Client, core: Core) -> None:
    run = (await finished(netra, core)).json
    thread = (await netra.get(f"/api/threads/{run['thread_id']}")).json
    assert thread["id"] == run["thread_id"]
    assert thread["title"] == "Optimize my workload"
    assert [(m["role"], m["content"]) for m in thread["messages"]] == [
        ("user", "Optimize my workload"),
        ("assistant", "Use A100 GPUs."),
    ]
    assert set(thread["messages"][0]) == {"id", "role", "content", "created_at"}
    assert thread["messages"][0]["id"].startswith("msg-")
    page = (await netra.get(f"/api/threads/{run['thread_id']}/messages?limit=1")).json
    assert page["messages"] == thread["messages"][:1]
    assert page["pagination"] == {"total": 2, "limit": 1, "offset": 0, "has_more": True}


async def test_N_29_a_deleted_thread_is_gone_with_its_runs_in_every_dialect(
    netra: Client, client: Client, core: Core
) -> None:
    run = (await finished(netra, core)).json
    path = f"/api/threads/{run['thread_id']}"
    conversation = f"/v1/conversations/{run['thread_id'].replace('thread-', 'conv_')}"
    assert (await client.get(conversation)).status == 200
    answer = await netra.delete(path)
    assert (answer.status, answer.json) == (200, {"message": "Thread deleted successfully"})
    gone = [
        await netra.get(path),
        await netra.get(f"{path}/messages"),
        await netra.delete(path),
        await netra.get(f"/api/agent/status/{run['run_id']}"),
        await netra.get(f"/api/agent/thread/{run['thread_id']}/runs"),
        await netra.post("/api/agent/execute", {"message": "x", "thread_id": run["thread_id"]}),
        await client.get(conversation),
    ]
    assert {answer.status for answer in gone} == {404}
    assert (await netra.get("/api/threads")).json["total"] == 0
    assert (await netra.get("/api/agent/history")).json["total"] == 0


async def test_N_29_what_still_runs_is_stopped(
    netra: Client, optimization: ScriptedOptimization, core: Core
) -> None:
    optimization.gates["data"] = asyncio.Event()
    run = (await netra.post("/api/agent/execute", {"message": "x"})).json
    body = {"message": "y", "thread_id": run["thread_id"]}
    assert (await netra.post("/api/agent/execute", body)).status == 200  # waits for its turn
    assert (await netra.delete(f"/api/threads/{run['thread_id']}")).status == 200
    assert not core.runs.is_busy()
    assert len(optimization.tasks) == 1


async def test_N_30_what_is_unknown_or_of_somebody_else_is_not_found(
    people: People, core: Core
) -> None:
    thread_id = (await finished(people.ann, core)).json["thread_id"]
    for client, id in ((people.ann, "thread-456"), (people.bob, thread_id)):
        for verb, path, body in (
            ("GET", f"/api/threads/{id}", None),
            ("GET", f"/api/threads/{id}/messages", None),
            ("PUT", f"/api/threads/{id}", {"title": "mine"}),
            ("DELETE", f"/api/threads/{id}", None),
        ):
            answer = await client.ask(verb, path, body)
            assert (answer.status, error_of(answer)["message"]) == (404, "Thread not found")
    assert (await people.bob.get("/api/threads")).json["total"] == 0
    assert (await people.ann.get("/api/threads")).json["total"] == 1


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", "/thread-1"),
        ("PUT", "/thread-1"),
        ("DELETE", "/thread-1"),
        ("GET", "/thread-1/messages"),
    ],
)
async def test_N_31_N_75_nobody_gets_in(netra: Client, verb: str, path: str) -> None:
    body: Any = {} if verb in ("POST", "PUT") else None
    answer = await netra.holding(None).ask(verb, f"/api/threads{path}", body)
    assert (answer.status, error_of(answer)["code"]) == (401, "UNAUTHORIZED")


async def test_a_thread_can_be_begun_and_renamed(netra: Client, core: Core) -> None:
    made = await netra.post("/api/threads", {"title": "GPU costs", "metadata": {"team": "a"}})
    assert (made.status, made.json["title"], made.json["message_count"]) == (201, "GPU costs", 0)
    path = f"/api/threads/{made.json['id']}"
    assert (await netra.get(path)).json["metadata"] == {"team": "a"}
    run = (await finished(netra, core, thread_id=made.json["id"])).json
    assert run["thread_id"] == made.json["id"]
    changed = await netra.put(path, {"title": "Cheaper GPUs"})
    assert (changed.status, changed.json["title"]) == (200, "Cheaper GPUs")
    thread = (await netra.get(path)).json
    assert (thread["title"], thread["metadata"]) == ("Cheaper GPUs", {"team": "a"})
    assert (await netra.put(path, {"name": "x"})).status == 422


async def test_N_40_a_full_thread_says_what_to_do(
    netra: Client, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = (await finished(netra, core)).json
    body = {"message": "more", "thread_id": run["thread_id"]}
    monkeypatch.setattr("notebook_agents_server.dialects.netra.wire.MAX_THREAD_MESSAGES", 2)
    answer = await netra.post("/api/agent/execute", body)
    assert (answer.status, error_of(answer)["code"]) == (400, "INVALID_REQUEST")
    assert "start a new" in error_of(answer)["message"]
