"""Every answer conforms to the API documents, to generated requests, right and wrong.

The documents are the ones that the server serves. What is generated is the same each time. Requests
go through this machine's network to the server of the test, from threads of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, Response
from schemathesis.checks import CheckContext
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from notebook_agents_server.mounts import DIALECT_NAMES
from notebook_agents_server.testing import Client

pytestmark = [pytest.mark.slow]
N_EXAMPLES = 3
SEED = 20260101
TIMEOUT_S = 60
Attempt = Callable[[requests.Session, Mapping[str, str]], None]
ALIAS = "/v2/"
"""Where Netra's paths are once more."""
AS_DOCUMENTED = (
    "INSUFFICIENT_RESOURCES",
    "SANDBOX_UNAVAILABLE",
    "OAuth configuration error",
)
"""What the documents answer with 5xx: this machine or its settings do not have it."""


def no_failure_of_ours(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """No 5xx, but for what the documents say."""
    if response.status_code >= 500:  # what else is answered may be no text
        assert any(words in response.text for words in AS_DOCUMENTED), response.text


CHECKS = [
    no_failure_of_ours,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document, and what requests are made of."""

    url: str
    tag: str
    headers: Mapping[str, str]
    ids: Mapping[str, str]
    """Of things that are there, by the names of parameters."""


def exercise(source: Source) -> list[str]:
    """What is wrong with answers to requests of one document."""
    schema = schemathesis.openapi.from_url(source.url)
    found: list[str] = []
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            tag = (operation.tags or [""])[0]
            if operation.path.startswith(ALIAS) or not tag.startswith(source.tag):
                continue
            for attempt in attempts(operation, source.ids):
                try:
                    attempt(session, source.headers)
                except Unsatisfiable:
                    pass  # a request without parameters cannot be wrong
                except (FailureGroup, Exception) as error:  # noqa: BLE001 - all are told
                    found.append(f"{operation.label}: {error}")
    return found


def attempts(operation: APIOperation[Any, Any, Any, Any], ids: Mapping[str, str]) -> list[Attempt]:
    """Requests that are right, with things that are there and not, and requests that are wrong."""
    known = {p.name: ids[p.name] for p in operation.path_parameters if p.name in ids}
    right, wrong = operation.as_strategy(), operation.as_strategy(GenerationMode.NEGATIVE)
    made = [
        sender(right, CHECKS, N_EXAMPLES),
        sender(wrong, [*CHECKS, negative_data_rejection], N_EXAMPLES),
        sender(right, [ignored_auth], 1),
    ]
    if known and operation.method != "delete":
        strategy = operation.as_strategy(path_parameters=known)
        made.append(sender(strategy, CHECKS, N_EXAMPLES))
    return made


def sender(strategy: SearchStrategy[Case[Any]], checks: list[Any], n_examples: int) -> Attempt:
    """Sends requests of one kind and checks the answers."""

    def send(session: requests.Session, headers: Mapping[str, str]) -> None:
        @seed(SEED)
        @hypothesis.settings(
            max_examples=n_examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(case=strategy)
        def try_some(case: Case[Any]) -> None:
            case.call_and_validate(
                session=session, headers=dict(headers), checks=checks, timeout=TIMEOUT_S
            )

        try_some()

    return send


DOCUMENTS = {
    **{f"/notebook-agents/{name}/openapi.json": "" for name in DIALECT_NAMES},
    # Of everything: what no dialect has alone.
    "/notebook-agents/openapi.json": "Shared: ",
    "/notebook-agents/openapi.json#": "NotebookAgents: ",
    "/notebook-agents/openapi.json#mcp": "Mcp: ",
}
"""Documents, and what the tags of the operations begin with that are tried."""


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_every_answer_conforms_to_the_document(client: Client, path: str) -> None:
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    said = await client.post(f"/v1/agents/{agent}/conversations", {"message": "hello"})
    talk = said.json["conversation_id"]
    session = talk.removeprefix("conv_")
    ids = {"agent_id": agent, "conversation_id": talk, "thread_id": talk}
    ids |= {"ui_session_id": session, "session_id": session}
    report = await client.post("/api/v1/reports", {"session_id": session})
    ids["report_id"] = report.json["id"]
    source = Source(
        url=f"{client.origin}{client.base_path}{path}",
        tag=DOCUMENTS[path],
        headers=client.headers,
        ids={**ids, "tool_id": "python_executor"},
    )
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, exercise, source) == []
