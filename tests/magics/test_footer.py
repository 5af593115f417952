"""The line below an answer, and the one that says what is happening until then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.models import BUNDLED_MODEL, EngineHealth, Usage
from notebook_agents.magics.run_end import gpu_text
from notebook_agents.magics.screen import as_text
from notebook_agents.magics.transcript import ToolBlock, Transcript

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

HEALTH = EngineHealth(
    is_ready=True,
    device="cuda:0",
    stats={"gpu_used_bytes": 6_100_000_000, "gpu_total_bytes": 24_000_000_000},
)


def finished(**fields: object) -> Transcript:
    transcript = Transcript(model="m", state="succeeded", phase="", started_at=0.0, ended_at=3.2)
    transcript.usage = Usage(input_tokens=1240, output_tokens=310, cost_usd=0.0042)
    transcript.decode_ms = 7380
    for name, value in fields.items():
        setattr(transcript, name, value)
    return transcript


def test_it_has_model_time_tokens_speed_gpu_tools_and_money_in_this_order() -> None:
    tools = [ToolBlock(call_id=id, name="t", arguments={}, status="succeeded") for id in "ab"]
    transcript = finished(gpu=gpu_text(HEALTH), blocks=tools)
    assert transcript.footer == (
        "m · 3.2 s · 1,240 in / 310 out · 42 tok/s · GPU 6.1/24 GB · 2 tools · $0.0042"
    )


def test_what_is_not_known_is_not_in_it() -> None:
    assert gpu_text(replace(HEALTH, stats={})) == ""
    transcript = finished(usage=Usage(input_tokens=1, output_tokens=1), decode_ms=0.0)
    assert transcript.footer == "m · 3.2 s · 1 in / 1 out"


def test_it_can_be_left_out_and_a_failure_is_told_all_the_same() -> None:
    assert as_text(finished(has_footer=False, notes=["look"])) == "! look"
    assert "failed" in as_text(finished(has_footer=False, state="failed"))
    assert finished(has_footer=False).summary == ""


def test_the_badge_of_the_built_in_model_is_never_left_out() -> None:
    assert finished(has_footer=False, model=BUNDLED_MODEL).summary == "built-in demo model"


def test_after_thirty_quiet_seconds_it_says_that_it_goes_on() -> None:
    transcript = Transcript(model="m")
    assert transcript.waiting == ""
    transcript.started_at -= 29
    transcript.heard_at -= 29
    assert transcript.waiting == " 29 s"
    transcript.started_at -= 2
    transcript.heard_at -= 2
    assert transcript.waiting == " 31 s · still working; ■ or Ctrl-C stops it"
    transcript.heard_at += 20
    assert transcript.waiting == " 31 s"


def test_the_gpu_of_the_engine_is_in_it(
    agent_shell: AgentShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def health() -> EngineHealth:
        return HEALTH

    monkeypatch.setattr(agent_shell.engine, "health", health)
    assert "GPU 6.1/24 GB" in agent_shell.run("%agent hello").value.footer
    agent_shell.run("%agent config footer=False")
    assert "GPU" not in agent_shell.run("%agent hello").value.footer
