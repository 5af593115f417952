"""Reports over the AI-Agent-API-Service, made by the real renderer."""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from notebook_agents.core.core import Core
from notebook_agents.reports.files import ProcessReports
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents_server.dialects.agent_api import report_wire
from notebook_agents_server.testing import Client

EXAMPLES = Path(report_wire.__file__).parent / "examples"
NOTHING = "00000000-0000-7000-8000-000000000000"
DOCUMENTED = {"id", "session_id", "format", "file_path", "file_size_bytes", "generated_at"}


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    files = ProcessReports(tmp_path / "reports")
    return fake_core(engine=engine, home=tmp_path / "workspaces", report_files=files)


@pytest.fixture(params=["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
def api(request: pytest.FixtureRequest, client: Client) -> Client:
    return client.below(request.param)


async def converse(client: Client, engine: ScriptedEngine) -> str:
    engine.script = [call("python_executor", code="6*7"), "It is **42**."]
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    said = await client.post(f"/v1/agents/{agent}/conversations", {"message": "Compute 6*7"})
    return str(uuid.UUID(said.json["conversation_id"].removeprefix("conv_")))


def test_S_41_the_examples_of_reports_come_back_unchanged() -> None:
    for name, model in (
        ("report_create_request", report_wire.CreateReportRequest),
        ("report_create_response", report_wire.ReportAnswer),
    ):
        text = (EXAMPLES / f"{name}.json").read_text()
        assert json.loads(model.model_validate_json(text).model_dump_json()).items() >= json.loads(
            text
        ).items() - {("execution_id", None)}


async def test_S_41_S_42_S_43_a_report_is_made_and_downloaded(
    api: Client, client: Client, engine: ScriptedEngine
) -> None:
    session = await converse(client, engine)
    body = {
        "session_id": session, "format": "pdf", "include_messages": True,
        "include_tool_calls": False, "include_metrics": True,
    }  # fmt: skip
    made = await api.post("/api/v1/reports", body)
    assert made.status == 201, made.body
    report = made.json
    assert set(report) >= DOCUMENTED
    assert (report["session_id"], report["format"]) == (session, "pdf")
    assert report["file_path"] == f"/reports/{report['id']}.pdf"
    assert report["include_tool_calls"] is False
    path = f"/api/v1/reports/{report['id']}"
    assert report["download_url"].endswith(f"{path}/download")
    assert (await api.get(path)).json == report
    assert (await api.get("/api/v1/reports")).json["items"] == [report]
    file = await api.get(f"{path}/download")
    assert file.headers["Content-Type"] == "application/pdf"
    assert file.headers["Content-Disposition"].startswith("attachment; filename=")
    assert len(file.body) == report["file_size_bytes"]
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(file.body)).pages)
    assert "Compute 6*7" in text
    assert "It is 42." in text
    assert "python_executor" not in text
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404
    assert (await api.get(f"{path}/download")).status == 404


async def test_S_44_every_form_has_its_type(
    api: Client, client: Client, engine: ScriptedEngine
) -> None:
    session = await converse(client, engine)
    made = await api.post("/api/v1/reports", {"session_id": session, "format": "markdown"})
    path = f"/api/v1/reports/{made.json['id']}/download"
    file = await api.get(path)
    assert file.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert b"It is **42**." in file.body
    page = await api.get(f"{path}?format=html")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("sandbox;")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Disposition"].endswith('.html"')
    assert b"<strong>42</strong>" in page.body
    for form, kind in (("json", "application/json"), ("ipynb", "application/x-ipynb+json")):
        answer = await api.get(f"{path}?format={form}")
        assert answer.headers["Content-Type"] == kind
        assert "6*7" in json.dumps(answer.json)
    for wrong in ("docx", "", "PDF"):
        assert (await api.get(f"{path}?format={wrong}")).status == 422


async def test_what_cannot_be_reported(api: Client) -> None:
    for body, status in (
        ({"session_id": NOTHING}, 404),
        ({"execution_id": NOTHING}, 404),
        ({"session_id": "no such words"}, 404),
        ({}, 422),
        ({"session_id": NOTHING, "format": "docx"}, 422),
        ({"session_id": NOTHING, "surprise": 1}, 422),
    ):
        answer = await api.post("/api/v1/reports", body)
        assert answer.status == status, (body, answer.body)
