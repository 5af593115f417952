"""K: variables in texts are text. Nothing is a template, and nothing in one is evaluated."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.substitution import MAX_CHARS, substitute, variables_of
from notebook_agents.core.tasks import CreateTask, TaskSettings
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedRunner, fake_core

ANN = Actor(user_id="ann", username="ann")
CANARY = "canary-a81e-template"
EXPRESSIONS = [
    "{{ ''.__class__.__mro__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id') }}",
    "{{ x|attr('__class__') }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ x.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ 7*7 }}",
    "{{ 'a'*10**9 }}",
    "${7*7} #{7*7} <%= 7*7 %> {x} {0.__class__} %(x)s $x",
    "{{{x.y}}}",
]
STATEMENTS = [
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% for i in range(10) %}a{% endfor %}",
    "{% set x = 1 %}{# a comment #}",
    "{{ include('/etc/passwd') }}",
]
REFUSED_NAMES = [
    "__class__",
    "__init__",
    "self",
    "request",
    "config",
    "n\u0430me",
    "\uff4eame",
    "ünï",
]


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    """The product with a runner that does nothing, whose tasks are real."""
    core = fake_core("Done", home=tmp_path / "work", task_runner=ScriptedRunner())
    yield core
    await core.aclose()


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_k01_expressions_are_text(text: str) -> None:
    assert variables_of(text) == ()
    assert substitute(text, {"x": CANARY}) == text


@pytest.mark.parametrize("text", STATEMENTS)
def test_k02_statements_are_text(text: str) -> None:
    assert substitute(f"{text} {{{{ x }}}}", {"x": "1"}) == f"{text} 1"


@pytest.mark.parametrize(
    "value", ["{{ api_key }}", "{{b}}", "{% include 'x' %}", "\\g<0>\\1", "}}"]
)
def test_k03_a_value_is_never_looked_through(value: str) -> None:
    values = {"a": value, "b": CANARY, "api_key": CANARY}
    assert substitute("{{a}}", values) == value
    assert substitute("{{{{a}}}}", values) == f"{{{{{value}}}}}"


def test_k04_a_result_that_is_too_long_is_refused_before_it_is_made() -> None:
    text, value = "{{ a }} " * 10_000, "x" * 1_000_000
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(InvalidRequest, match="the most is 200,000"):
        substitute(text, {"a": value})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 1
    assert peak < 16 * 1024 * 1024
    assert len(substitute("{{ a }}", {"a": "x" * (MAX_CHARS - 7)})) == MAX_CHARS - 7


def test_k05_what_has_no_value_is_named_also_when_it_only_looks_like_one_that_has() -> None:
    with pytest.raises(InvalidRequest, match="'nothing' has no value"):
        substitute("{{ a }} {{ nothing }}", {"a": "1"})
    with pytest.raises(InvalidRequest, match=r"'n\\\\u0430me' has no value"):
        substitute("{{ n\u0430me }}", {"name": CANARY})
    assert substitute("{{ a }} {{a}}", {"a": "1"}) == "1 1"
    assert variables_of("{{ a }} {{a}}") == ("a",)


@pytest.mark.parametrize("name", REFUSED_NAMES)
async def test_k06_names_that_mean_something_elsewhere_are_refused_when_a_task_is_made(
    core: Core, name: str
) -> None:
    with pytest.raises(InvalidRequest, match="is no name of a variable") as caught:
        await core.tasks.create(ANN, CreateTask(name="t", prompt_template=f"say {{{{ {name} }}}}"))
    assert caught.value.details["field"] == "prompt_template"
    settings = TaskSettings(variables={name: "x"})
    wish = CreateTask(name="t", prompt_template="say {{ word }}", settings=settings)
    with pytest.raises(InvalidRequest, match="is no name of a variable"):
        await core.tasks.create(ANN, wish)


async def test_k06_names_given_with_an_execution_are_checked_as_well(core: Core) -> None:
    task = await core.tasks.create(ANN, CreateTask(name="t", prompt_template="say {{ word }}"))
    for name in ("__class__", "config", "other"):
        start = StartExecution(task_id=task.id, variables={"word": "x", name: "y"})
        with pytest.raises(InvalidRequest):
            await core.executions.start(ANN, start)
