"""Tektra: tools, row by row of the document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.testing import ScriptedTools, fake_core
from notebook_agents.testing.core import python_executor
from notebook_agents_server.dialects import tektra
from notebook_agents_server.testing import Client

EXAMPLES = Path(tektra.__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / f"{name}.json").read_bytes()))


def failing(code: str) -> str:
    raise ValueError(f"no {code}")


async def slow(code: str) -> str:
    await asyncio.Event().wait()
    return code


class RefusingTools(ScriptedTools):
    """Tools of which one runs into policy."""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        if invocation.name != "file_reader":
            return await super().run(invocation)
        return ToolResult(
            status="failed",
            content="the path is outside of the folder",
            error_type="PATH_DENIED",
            security_events=("path-denied: /etc/passwd",),
        )


@pytest.fixture
def tools() -> ScriptedTools:
    functions: dict[str, Callable[..., str | Awaitable[str]]] = {
        "python_executor": python_executor,
        "failing": failing,
        "slow": slow,
        "mailer": python_executor,
        "file_reader": python_executor,
    }
    return RefusingTools(functions, effects={"mailer": "external"})


@pytest.fixture
def core(tools: ScriptedTools, tmp_path: Path) -> Core:
    return fake_core(tools=tools, home=tmp_path / "workspaces")


async def test_t30_t31_tools_have_the_documented_fields(tektra: Client) -> None:
    answer = await tektra.get("/v1/tools")
    rows = {row["tool_id"]: row for row in answer.json["tools"]}
    documented = example("list_tools_response")["tools"][0]
    assert set(documented) <= set(rows["python_executor"])
    parameters = rows["python_executor"]["parameters"]
    assert parameters["code"] == {"type": "string", "required": True, "description": ""}
    assert parameters["timeout"] == {
        "type": "integer",
        "required": False,
        "default": 30,
        "description": "",
    }


async def test_t36_t37_t38_the_documents_request_is_executed(
    tektra: Client, tools: ScriptedTools
) -> None:
    body = example("execute_tool_request")
    answer = await tektra.post("/v1/tools/python_executor/execute", body)
    assert answer.status == 200
    documented = example("execute_tool_response")
    assert set(documented) <= set(answer.json)
    assert set(documented["result"]) <= set(answer.json["result"])
    assert set(documented["resource_usage"]) <= set(answer.json["resource_usage"])
    assert answer.json["execution_id"].startswith("exec_")
    assert answer.json["status"] == "completed"
    assert answer.json["security_events"] == []
    assert tools.invocations[0].arguments["timeout"] == 10
    assert tools.invocations[0].level == "medium"


async def test_t38_the_client_can_raise_the_level_but_not_lower_it(
    tektra: Client, tools: ScriptedTools
) -> None:
    body = {"parameters": {"code": "1"}, "security_context": {"security_level": "low"}}
    await tektra.post("/v1/tools/python_executor/execute", body)
    assert tools.invocations[0].level == "medium"


async def test_a_level_that_cannot_be_enforced_is_refused(tektra: Client) -> None:
    body = {"parameters": {"code": "1"}, "security_context": {"security_level": "high"}}
    answer = await tektra.post("/v1/tools/python_executor/execute", body)
    assert (answer.status, answer.json["error"]["code"]) == (503, "SANDBOX_UNAVAILABLE")


async def test_t72_a_tool_that_fails_is_tool_execution_failed(tektra: Client) -> None:
    answer = await tektra.post("/v1/tools/failing/execute", {"parameters": {"code": "x"}})
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "TOOL_EXECUTION_FAILED")
    assert "no x" in error["message"]
    assert error["details"] == {"tool": "failing", "reason": "ValueError"}


async def test_t71_t59_a_tool_that_policy_refuses_is_a_security_violation(
    tektra: Client,
) -> None:
    answer = await tektra.post("/v1/tools/mailer/execute", {"parameters": {"code": "x"}})
    assert (answer.status, answer.json["error"]["code"]) == (403, "SECURITY_VIOLATION")


async def test_t71_t38_a_refused_path_is_a_security_violation_with_its_events(
    tektra: Client,
) -> None:
    answer = await tektra.post("/v1/tools/file_reader/execute", {"parameters": {"code": "x"}})
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (403, "SECURITY_VIOLATION")
    assert error["details"]["security_events"] == ["path-denied: /etc/passwd"]


async def test_t60_an_unknown_tool_is_not_found(tektra: Client) -> None:
    answer = await tektra.post("/v1/tools/web_search/execute", {"parameters": {}})
    assert (answer.status, answer.json["error"]["code"]) == (404, "TOOL_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"parameters": {"nonsense": 1}}, "parameters"),
        ({"parameters": []}, "parameters"),
        ({"code": "1"}, "code"),
        ({"security_context": {"security_level": "none"}}, "security_context.security_level"),
    ],
)
async def test_t57_wrong_parameters_are_named(
    tektra: Client, body: dict[str, Any], field: str
) -> None:
    answer = await tektra.post("/v1/tools/python_executor/execute", body)
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, field)
