"""One policy for every door: what asks, what is refused, who answered, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.conversations import ForkConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotPermitted
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    EventBody,
    ToolStarted,
)
from notebook_agents.core.policy import (
    HEADLESS_POLICY,
    MODES,
    PLAN_WORDS,
    ApprovalPolicy,
    Mode,
    unattended,
)
from notebook_agents.core.runs import ApprovalDecision, Limits, Run
from notebook_agents.core.tools import ExecuteTool
from notebook_agents.core.users import Actor
from notebook_agents.testing import (
    FakeClock,
    FakeSandbox,
    MemoryEventLog,
    MemoryStore,
    ScriptedEngine,
    ScriptedTools,
    call,
)
from notebook_agents.tools.judging import judge_code, judge_command, judge_file, judge_query

ANN = Actor(user_id="ann", username="ann")
MakeCore = Callable[..., Core]
READS, WRITES = "df.head()", "df.to_csv('out.csv')"


@dataclass(slots=True)
class JudgedTools(ScriptedTools):
    """Scripted tools whose effect their code tells, as of the real ones."""

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        return judge_code(arguments) if "code" in arguments else None


def ran(code: str) -> str:
    """Run code."""
    return f"ran {code}"


def tools(effect: str = "write") -> JudgedTools:
    """The sandbox's Python, and one that runs in the notebook itself."""
    return JudgedTools({"python_executor": ran, "live": ran}, effects={"live": effect})  # type: ignore[dict-item]


def calls(*codes: str, tool: str = "live") -> ScriptedEngine:
    """A model that makes one call a step, then answers."""
    steps: list[Any] = [[call(tool, code=code)] for code in codes]
    return ScriptedEngine(*steps, "done")


async def bodies(core: Core, run: Run, *kinds: type[EventBody]) -> list[Any]:
    """The run's events of some kinds."""
    gathered = await core.journal.gather(run.conversation_id, run_id=run.id)
    return [event.body for event in gathered.events if isinstance(event.body, kinds)]


DECISIONS: list[tuple[Mode, str, str]] = [
    ("ask", READS, "allow"),
    ("ask", "x = 1", "ask"),
    ("ask", "df['a'] = 1", "ask"),
    ("ask", WRITES, "ask"),
    ("ask", "import requests; requests.get('https://a')", "ask"),
    ("ask", "import os; os.remove('a')", "ask"),
    ("auto-edit", "df['a'] = 1", "allow"),
    ("auto-edit", WRITES, "allow"),
    ("auto-edit", "df.to_csv('../out.csv')", "ask"),
    ("auto-edit", "df.to_csv(where)", "ask"),
    ("auto-edit", "open('helper.py', 'w')", "ask"),
    ("auto-edit", "import requests; requests.get('https://a')", "ask"),
    ("auto-edit", "import os; os.system('ls')", "ask"),
    ("auto-edit", "import os; os.remove('a')", "ask"),
    ("plan", READS, "allow"),
    ("plan", "x = 1", "deny"),
    ("plan", "!ls", "deny"),
    ("full", "!rm -rf x", "allow"),
]


@pytest.mark.parametrize(("mode", "code", "decision"), DECISIONS)
async def test_a_mode_decides_by_what_the_code_does(
    make_core: MakeCore, driver: Any, mode: Mode, code: str, decision: str
) -> None:
    core = make_core(engine=calls(code), tools=tools())
    run = await driver.finish(core, policy=MODES[mode])
    if decision == "ask":
        assert run.state == "waiting_approval"
        assert run.pending[0].effect != "read"
        assert run.pending[0].findings
        words = {"ask": "the mode Ask asks", "auto-edit": "the mode Auto-edit asks"}
        assert run.pending[0].reason.startswith(words[mode])
    else:
        assert run.tool_calls[0].status == {"allow": "succeeded", "deny": "denied"}[decision]
    await core.aclose()


@pytest.mark.parametrize(
    ("level", "code", "decision"),
    [
        ("medium", WRITES, "allow"),
        ("medium", "!rm -rf x", "allow"),
        ("low", READS, "allow"),
        ("low", "x = 1\nx += 1", "allow"),
        ("low", WRITES, "ask"),
        ("low", "import socket; socket.socket()", "ask"),
        ("low", "import subprocess; subprocess.run('ls')", "ask"),
    ],
)
async def test_inside_a_sandbox_code_is_told_of_and_without_one_it_decides(
    make_core: MakeCore, driver: Any, level: Any, code: str, decision: str
) -> None:
    core = make_core(
        engine=calls(code, tool="python_executor"),
        tools=tools(),
        sandbox=FakeSandbox("low", level),
        level=level,
    )
    run = await driver.finish(core, policy=MODES["ask"])
    assert run.state == ("waiting_approval" if decision == "ask" else "succeeded")
    [told] = await bodies(core, run, ApprovalRequested if decision == "ask" else ToolStarted)
    assert bool(told.findings) == (code != READS)
    await core.aclose()


async def test_plan_tells_the_model_to_propose_and_not_to_act(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("I would", "I do")
    core = make_core(engine=engine)
    await driver.finish(core, policy=MODES["plan"])
    await driver.finish(core, policy=MODES["ask"])
    first, second = (request.messages[0].text for request in engine.requests)
    assert PLAN_WORDS in first
    assert PLAN_WORDS not in second
    await core.aclose()


async def test_every_decision_is_an_event_with_who_why_and_what(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core(engine=calls(READS, WRITES, "!ls"), tools=tools())
    policy = replace(MODES["ask"], external="deny")
    run = await driver.finish(core, policy=policy)
    yes = ApprovalDecision(call_id=run.pending[0].call.call_id, is_approved=True)
    await core.runs.decide(ANN, run.id, [yes])
    run = await core.runs.wait(ANN, run.id)
    started = await bodies(core, run, ToolStarted)
    assert [body.allowed_by for body in started] == ["policy", "person", ""]
    assert [body.effect for body in started] == ["read", "write", "external"]
    person, refused = await bodies(core, run, ApprovalDecided)
    assert (person.is_approved, person.by, person.via) == (True, "ann", "person")
    assert (person.name, person.effect, person.scope) == ("live", "write", "once")
    assert [finding.text for finding in person.findings] == ["writes out.csv"]
    assert (refused.is_approved, refused.by, refused.via) == (False, "", "policy")
    await core.aclose()


async def test_always_lasts_for_the_conversation_and_for_no_more_than_was_allowed(
    make_core: MakeCore, driver: Any
) -> None:
    store = MemoryStore()
    engine = ScriptedEngine(
        [call("live", code=WRITES)], "1", [call("live", code="df['a'] = 1")], "2",
        [call("live", code="!ls")], "3",
    )  # fmt: skip
    core = make_core(engine=engine, tools=tools(), store=store)
    run = await driver.finish(core, policy=MODES["ask"])
    always = ApprovalDecision(
        call_id=run.pending[0].call.call_id, is_approved=True, scope="conversation"
    )
    await core.runs.decide(ANN, run.id, [always])
    run = await core.runs.wait(ANN, run.id)
    [answered] = await bodies(core, run, ApprovalDecided)
    assert (answered.via, answered.scope) == ("person", "conversation")
    here = run.conversation_id
    second = await driver.finish(core, policy=MODES["ask"], conversation_id=here)
    [standing] = await bodies(core, second, ApprovalDecided)
    assert (second.state, standing.via, standing.by) == ("succeeded", "conversation", "ann")
    third = await driver.finish(core, policy=MODES["ask"], conversation_id=here)
    assert third.state == "waiting_approval"
    fork = await core.conversations.fork(ANN, here, ForkConversation())
    assert fork.settings.allowances == ()
    await core.aclose()


async def test_what_a_person_denied_does_not_run_because_another_call_was_allowed_always(
    make_core: MakeCore, driver: Any
) -> None:
    both = [call("live", "c1", code=WRITES), call("live", "c2", code="df['a'] = 1")]
    made = tools()
    core = make_core(engine=ScriptedEngine(both, "done"), tools=made)
    run = await driver.finish(core, policy=MODES["ask"])
    first, second = (entry.call.call_id for entry in run.pending)
    answers = [
        ApprovalDecision(call_id=first, is_approved=True, scope="conversation"),
        ApprovalDecision(call_id=second, is_approved=False),
    ]
    await core.runs.decide(ANN, run.id, answers)
    run = await core.runs.wait(ANN, run.id)
    assert [used.status for used in run.tool_calls] == ["succeeded", "denied"]
    assert len(made.invocations) == 1
    await core.aclose()


async def test_an_answer_is_to_one_call_also_when_the_model_uses_its_id_again(
    make_core: MakeCore, driver: Any
) -> None:
    again = [[call("live", "call_0", code=code)] for code in (WRITES, "!rm -rf .")]
    made = tools()
    core = make_core(engine=ScriptedEngine(*again, "done"), tools=made)
    run = await driver.finish(core, policy=MODES["ask"])
    allowed = ApprovalDecision(call_id=run.pending[0].call.call_id, is_approved=True)
    await core.runs.decide(ANN, run.id, [allowed])
    run = await core.runs.wait(ANN, run.id)
    assert run.state == "waiting_approval"
    [waiting] = run.pending
    assert waiting.call.arguments == {"code": "!rm -rf ."}
    assert waiting.call.call_id != allowed.call_id
    assert [used.arguments["code"] for used in made.invocations] == [WRITES]
    await core.aclose()


async def test_a_question_that_nobody_answers_in_time_is_denied(
    make_core: MakeCore, driver: Any
) -> None:
    clock, made = FakeClock(), tools()
    core = make_core(engine=calls(WRITES), tools=made, clock=clock)
    limits = Limits(approval_timeout_s=60)
    run = await driver.finish(core, policy=MODES["ask"], limits=limits)
    await core.runs.recover()
    assert (await core.runs.get(ANN, run.id)).state == "waiting_approval"
    clock.advance(61)
    await core.runs.recover()
    run = await core.runs.wait(ANN, run.id)
    [decided] = await bodies(core, run, ApprovalDecided)
    assert (decided.is_approved, decided.via, decided.by) == (False, "timeout", "")
    assert (run.state, run.tool_calls[0].status, made.invocations) == ("succeeded", "denied", [])
    await core.aclose()


@pytest.mark.parametrize("policy", [HEADLESS_POLICY, unattended(MODES["ask"], ())])
@pytest.mark.parametrize("code", [WRITES, "x = 1", "!ls", "import requests; requests.get('a')"])
async def test_where_nobody_can_answer_what_would_ask_is_denied(
    make_core: MakeCore, driver: Any, policy: ApprovalPolicy, code: str
) -> None:
    made = tools()
    core = make_core(engine=calls(code), tools=made)
    run = await driver.finish(core, policy=policy)
    assert (run.state, run.tool_calls[0].status, made.invocations) == ("succeeded", "denied", [])
    [decided] = await bodies(core, run, ApprovalDecided)
    assert (decided.via, decided.is_approved) == ("policy", False)
    await core.aclose()


async def test_direct_execution_denies_what_would_ask_and_says_so_in_an_event(
    make_core: MakeCore,
) -> None:
    made = tools()
    log = MemoryEventLog()
    core = make_core(tools=made, sandbox=FakeSandbox("low"), level="low", event_log=log)
    wish = ExecuteTool(name="python_executor", arguments={"code": WRITES})
    with pytest.raises(NotPermitted, match=r"writes out\.csv"):
        await core.tools.execute(ANN, wish)
    [body] = [event.body for event in log.events if isinstance(event.body, ApprovalDecided)]
    assert (body.via, body.is_approved, body.name) == ("policy", False, "python_executor")
    wish = ExecuteTool(name="python_executor", arguments={"code": READS})
    _, result = await core.tools.execute(ANN, wish)
    assert (result.status, len(made.invocations)) == ("succeeded", 1)
    await core.aclose()


async def test_in_a_sandbox_direct_execution_computes_whatever_the_code_says(
    make_core: MakeCore,
) -> None:
    core = make_core(tools=tools())
    wish = ExecuteTool(name="python_executor", arguments={"code": WRITES})
    assert (await core.tools.execute(ANN, wish))[1].status == "succeeded"
    await core.aclose()


def test_arguments_of_the_built_in_tools_tell_their_effect() -> None:
    assert judge_query({"query": "SELECT 1"}).effect == "read"
    assert judge_query({"query": "DROP TABLE a"}).findings
    assert judge_command({"command": "rm -rf x"}).risk == "deletes"
    assert judge_file({"path": "notes.md"}).effect == "write"
    for path in ("../notes.md", "/etc/passwd", "sitecustomize.py", ".bashrc", "a/.git/config"):
        assert judge_file({"path": path}).effect == "external", path
