"""Workloads over HTTP, and what a request says of one, with the real workflow behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.workloads import WorkloadPorts, Workloads
from notebook_agents.optimization.tables import ParquetTables, TablePorts
from notebook_agents.optimization.workflow import OptimizationWorkflow, WorkflowPorts
from notebook_agents.testing import FakeClock, MemoryStore, ScriptedEngine, fake_core
from notebook_agents.testing.store import MemoryAnalytics, MemoryEventLog
from notebook_agents.testing.tools import FakeSandbox
from notebook_agents_server.dialects.netra import workload_mapping, workload_routes
from notebook_agents_server.openapi import describe
from notebook_agents_server.testing import Answer, Client

from .conftest import People

JOBS = [
    {"job_id": f"chat-{n}", "gpu_type": "A100-80GB", "n_gpus": 4, "hours": 180, "kind": "inference",
     "model": "llama-3-8b", "precision": "fp16", "utilisation": 0.1, "latency_p95_ms": 500,
     "tokens_in": 10_000_000, "tokens_out": 1_000_000}
    for n in range(4)
]  # fmt: skip
CSV = b"gpu,hours,utilization\nA100,720,0.1\n"


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    store, clock, log, sandbox = MemoryStore(), FakeClock(), MemoryEventLog(), FakeSandbox()
    home, analytics = tmp_path / "data", MemoryAnalytics(log)
    tables = ParquetTables(
        TablePorts(folder=home / "workloads", scratch=home / "scratch", sandbox=sandbox)
    )
    workflow = OptimizationWorkflow(
        WorkflowPorts(
            workloads=Workloads(WorkloadPorts(store=store, clock=clock, tables=tables)),
            tables=tables, analytics=analytics, engine=engine, clock=clock, home=home,
        )
    )  # fmt: skip
    return fake_core(
        home=tmp_path / "workspaces", engine=engine, store=store, clock=clock, event_log=log,
        analytics=analytics, sandbox=sandbox, workload_tables=tables,
        workflows={workflow.name: workflow},
    )  # fmt: skip


async def upload(client: Client, body: object, name: str = "mine", **headers: str) -> Answer:
    return await client.ask("POST", f"/api/workloads?name={name}", body, **headers)


async def finished(client: Client, run_id: str) -> Answer:
    while True:
        answer = await client.get(f"/api/agent/status/{run_id}")
        if answer.json["status"] != "processing":
            return answer


async def test_a_workload_is_registered_listed_looked_into_and_deleted(people: People) -> None:
    made = await upload(people.ann, CSV, Content_Type="text/csv")
    assert made.status == 201, made.body
    id = made.json["id"]
    assert id.startswith("wl-")
    assert made.json["columns"] == ["gpu_type", "hours", "utilisation"]
    listed = (await people.ann.get("/api/workloads")).json
    assert [row["id"] for row in listed["workloads"]] == [id]
    assert listed["pagination"] == {"total": 1, "limit": 20, "offset": 0, "has_more": False}
    for reference in (id, "mine"):
        assert (await people.ann.get(f"/v2/workloads/{reference}")).json["n_rows"] == 1
    preview = (await people.ann.get(f"/api/workloads/{id}/preview")).json
    assert preview["columns"] == ["row_number", "gpu_type", "hours", "utilisation"]
    assert preview["rows"] == [[1, "A100", 720.0, 0.1]]
    assert (await people.ann.delete(f"/api/workloads/{id}")).status == 200
    assert (await people.ann.get(f"/api/workloads/{id}")).status == 404


async def test_json_is_known_by_its_type_or_its_beginning(people: People) -> None:
    assert (await upload(people.ann, JOBS)).json["n_rows"] == 4
    unnamed = await upload(people.ann, b'[{"gpu": "L4", "hours": 1}]', "two", Content_Type="x/y")
    assert unnamed.json["format"] == "json"


def test_the_api_document_names_every_kind_of_table() -> None:
    document = describe(workload_routes.ROUTES, title="Workloads", servers=["/"])
    body = document["paths"]["/api/workloads"]["post"]["requestBody"]
    assert body["required"]
    kinds = [workload_mapping.format_of(kind, b"") for kind in body["content"]]
    assert kinds == ["json", "csv", "parquet"]


async def test_the_example_is_everybodys_and_stays(people: People) -> None:
    answer = await people.bob.get("/api/workloads/wl-example")
    assert answer.json["id"] == "wl-example"
    assert (await people.bob.get("/api/workloads/wl-example/preview?limit=2")).status == 200
    assert (await people.bob.delete("/api/workloads/wl-example")).status == 403


async def test_errors_name_row_column_and_remedy(people: People) -> None:
    answer = await upload(people.ann, b"gpu,hours\nL4,2\nL4,-1\n", Content_Type="text/csv")
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == "hours"
    assert (
        "row 2, column 'hours' holds '-1'; use a number above 0" in answer.json["error"]["message"]
    )
    as_json = await upload(people.ann, CSV, "typed")
    assert as_json.status == 400
    assert as_json.json["error"]["message"].startswith("this is not JSON")
    again = await upload(people.ann, CSV, "twice", Content_Type="text/csv")
    twice = await upload(people.ann, CSV, "twice", Content_Type="text/csv")
    assert (again.status, twice.status) == (201, 409)
    assert (await people.ann.ask("POST", "/api/workloads", CSV)).status == 422
    assert (await people.ann.get("/api/workloads/wl-nothing")).status == 404


async def test_another_persons_workload_is_not_there(people: People) -> None:
    id = (await upload(people.ann, CSV, Content_Type="text/csv")).json["id"]
    for path in (f"/api/workloads/{id}", f"/api/workloads/{id}/preview", "/api/workloads/mine"):
        assert (await people.bob.get(path)).status == 404
    assert (await people.bob.delete(f"/api/workloads/{id}")).status == 404
    assert (await people.bob.get("/api/workloads")).json["total"] == 0
    body = {"message": "Optimize it", "context": {"workload_id": id}}
    assert (await people.bob.post("/api/agent/execute", body)).status == 404
    assert (await people.nobody.get("/api/workloads")).status == 401


async def test_N_14_N_19_an_optimization_of_an_uploaded_workload(people: People) -> None:
    id = (await upload(people.ann, JOBS)).json["id"]
    body = {
        "message": "Optimize my AI workload for cost efficiency",
        "context": {
            "workload_id": id,
            "parameters": {"priority": "cost", "constraints": ["gpu_memory", "latency"]},
        },
    }
    started = await people.ann.post("/api/agent/execute", body)
    answer = await finished(people.ann, started.json["run_id"])
    assert answer.json["status"] == "completed", answer.body
    result = answer.json["result"]
    first = result["recommendations"][0]
    assert first["cost_change"].startswith("-")
    assert first["rows_used"]["job_ids"] == ["chat-0", "chat-1", "chat-2", "chat-3"]
    assert {"action", "impact", "cost_change"} <= set(first)
    assert result["supply_config"]["pools"]
    assert (
        result["metrics"]["projected"]["cost_per_month"]
        < (result["metrics"]["baseline"]["cost_per_month"])
    )
    assert [step["order"] for step in result["actions"]] == list(
        range(1, len(result["actions"]) + 1)
    )


async def test_N_14_a_wrong_parameter_is_told_before_anything_runs(people: People) -> None:
    context = {"workload_id": "wl-example", "parameters": {"constraints": ["beauty"]}}
    body = {"message": "Optimize it", "context": context}
    answer = await people.ann.post("/api/agent/execute", body)
    assert answer.status == 400
    assert "'beauty' is not understood; known: latency" in answer.json["error"]["message"]
