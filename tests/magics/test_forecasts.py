"""A question in a real kernel says what such a call took before, as the real log tells."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.magics.conftest import started_kernel

if TYPE_CHECKING:
    from tests.magics.conftest import Kernel, Reply

pytestmark = pytest.mark.slow
PROMPT = '%agent --live /python_executor code="kept = [n for n in range(1000)]"'


def asked(kernel: Kernel, prompt: str, words: str, answer: str = "y") -> Reply:
    """What comes of a prompt once the log was read, which a question does not wait for."""
    end = time.monotonic() + 60
    while True:
        reply = kernel.run(prompt, answer=answer)
        assert len(reply.questions) == 1
        if words in reply.questions[0] or time.monotonic() > end:
            return reply


def test_a_call_that_was_made_before_is_asked_about_with_what_it_took(
    ipython_home: Path, own_kernel: Kernel
) -> None:
    own_kernel.run("%unload_ext notebook_agents\n%load_ext notebook_agents")
    own_kernel.run(f"%env NOTEBOOK_AGENTS_HOME={ipython_home.parent / 'home'}")
    first = own_kernel.run(PROMPT, answer="y")
    assert "expect" not in first.questions[0]
    again = asked(own_kernel, PROMPT, "expect")
    line = r"  ~ expect under 1 s(, [\d.]+ [MG]B)?; seen (once|\d+ times)\n"
    assert re.search(line, again.questions[0])
    shown = [text for texts in again.displays().values() for text in texts]
    assert any("expect under 1 s" in text for text in shown)
    words = "(other calls of this tool); seen"
    other = asked(own_kernel, PROMPT.replace("kept", "other"), words)
    assert words in other.questions[0]
    told = own_kernel.run(
        "%agent sql SELECT count(*) AS n FROM events"
        " WHERE type = 'approval_requested' AND (payload ->> '$.forecast.basis') = 'call'"
    )
    assert re.search(r"[1-9]\d*$", told.value())


def test_the_first_question_of_a_new_kernel_tells_of_calls_of_another(ipython_home: Path) -> None:
    with started_kernel(ipython_home) as before:
        before.run("%load_ext notebook_agents")
        assert "expect" not in before.run(PROMPT, answer="y").questions[0]
    with started_kernel(ipython_home) as new:
        new.run("%load_ext notebook_agents")
        [asked_first] = new.run(PROMPT, answer="n").questions
    assert re.search(r"  ~ expect under 1 s(, [\d.]+ [MG]B)?; seen once\n", asked_first)


def test_live_code_is_asked_about_with_what_the_same_cell_took_and_held(
    ipython_home: Path, own_kernel: Kernel
) -> None:
    own_kernel.run("%unload_ext notebook_agents\n%load_ext notebook_agents")
    own_kernel.run(f"%env NOTEBOOK_AGENTS_HOME={ipython_home.parent / 'home'}")
    own_kernel.run("%agent record on")
    assert own_kernel.run("kept = [n for n in range(1000)]\n").status == "ok"
    # Refused each time: a call that was made would be what the next question tells of.
    reply = asked(own_kernel, PROMPT, "(as cells)", answer="n")
    line = r"  ~ expect under 1 s, [\d.]+ [MG]B \(as cells\); seen once\n"
    assert re.search(line, reply.questions[0])
    own_kernel.run("%agent record off")
