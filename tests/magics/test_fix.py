"""``%agent fix`` and ``-f code``: a replacement with a diff, put into a cell and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import notebook_agents
from notebook_agents.magics.cells import CellError
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.fix import Fix
from notebook_agents.magics.repairs import repair

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel, Reply

FIXED = "The divisor was zero.\n\n```python\ntotal = 6 / 2\n```"


def payloads(reply: Reply) -> list[dict[str, Any]]:
    return list(reply.error["payload"])


def test_without_an_error_it_says_so(agent_shell: AgentShell) -> None:
    assert str(agent_shell.run("%agent fix").value) == "No errors since the kernel started."


def test_the_last_error_is_sent_with_its_cell_its_traceback_and_its_variables(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("%agent model other/model")
    agent_shell.run("import pandas as pd\nprices = pd.DataFrame({'amount': [1.5]})")
    agent_shell.run("def half(count):\n    return prices['amount'].sum() / count")
    agent_shell.run("half(0)['x']")
    agent_shell.engine.script = [FIXED]
    fixed = agent_shell.run("%agent fix").value
    told = agent_shell.last_text
    assert "```python\nhalf(0)['x']\n```" in told
    assert "the cell, line 1, in <module>" in told
    assert "- half: " in told
    assert agent_shell.last_request.tools == ()
    assert isinstance(fixed, Fix)
    assert fixed.code == "total = 6 / 2"
    assert fixed.diff.splitlines() == [
        "--- cell 4",
        "+++ cell 4, corrected",
        "@@ -1 +1 @@",
        "-half(0)['x']",
        "+total = 6 / 2",
    ]
    assert "```diff\n--- cell 4" in fixed._repr_markdown_()
    assert "total" not in agent_shell.shell.user_ns


def test_secrets_in_calls_errors_and_results_are_not_sent(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent model other/model")
    agent_shell.run("api_key = 'mysecretvalue' + '-4477'")
    agent_shell.run(
        "def load(password):\n    raise ValueError('bad login ' + password + ' ' + api_key)"
    )
    agent_shell.run("load('sup3rsecret-A1')")
    agent_shell.run("{'login_pass': 'other' + '-55', 'all': api_key}")
    agent_shell.engine.script = [FIXED, "a", "b", "c", "d"]
    prompts = ("%agent fix", "%agent why? {Err[4]}", "%agent @cell:4", "%agent {Out[5]}")
    for prompt in prompts:
        agent_shell.run(prompt)
        told = agent_shell.last_text
        assert "[masked]" in told, prompt
        assert not any(word in told for word in ("sup3rsecret", "mysecretvalue-", "other-55"))


def test_the_error_of_a_cell_is_chosen_by_its_number(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent model other/model")
    agent_shell.run("1 / 0")
    agent_shell.run("[][1]")
    agent_shell.engine.script = [FIXED]
    assert agent_shell.run("%agent fix 2").value.source == "1 / 0"
    assert "there is no error of cell 9; cells with errors: 2, 3" in str(
        agent_shell.run("%agent fix 9").error
    )


def test_what_the_agent_itself_says_and_a_stop_are_no_errors_of_the_code(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("%agent -m nothing hello")
    agent_shell.run("raise KeyboardInterrupt")
    assert "No errors" in str(agent_shell.run("%agent fix").value)


def test_an_error_can_be_named_in_a_prompt(agent_shell: AgentShell) -> None:
    agent_shell.run("1 / 0")
    agent_shell.run("%agent why? {Err[1]}")
    assert "ZeroDivisionError: division by zero" in agent_shell.last_text


def test_an_answer_without_code_or_without_a_change_is_no_fix(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent model other/model")
    agent_shell.run("1 / 0")
    agent_shell.engine.script = ["I do not know."]
    assert "answered without code" in str(agent_shell.run("%agent fix").error)
    agent_shell.engine.script = ["```python\n1 / 0\n```"]
    assert "changed nothing" in str(agent_shell.run("%agent fix").error)


def test_the_built_in_model_mends_by_rule_and_says_so_or_says_that_it_cannot(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("amounts = [1]")
    agent_shell.run("total = sum(amuonts)")
    fixed = agent_shell.run("%agent fix").value
    assert fixed.code == "total = sum(amounts)"
    assert fixed.by == "there is no amuonts; amounts is close (by rule, without the model)"
    assert agent_shell.engine.requests == []
    agent_shell.run("1 / 0")
    cell = agent_shell.run("%agent fix")
    assert isinstance(cell.error, AgentError)
    assert "cannot write code" in str(cell.error)
    assert "%agent model NAME" in str(cell.error)


RULES = {
    "import": ("NameError", "name 'np' is not defined", "np.pi", 1, "import numpy as np\nnp.pi"),
    "attribute of that name": (
        "NameError",
        "name 'cuont' is not defined",
        "count = 1; x.cuont = cuont",
        1,
        "count = 1; x.cuont = count",
    ),
    "column": ("KeyError", "'prise'", "sum(table['prise'])", 1, "sum(table['price'])"),
    "attribute": (
        "AttributeError",
        "'str' object has no attribute 'uper'",
        "é = 1; x = text.uper()",
        1,
        "é = 1; x = text.upper()",
    ),
    "colon": ("SyntaxError", "expected ':'", "if 1  # so\n    pass", 1, "if 1:  # so\n    pass"),
    "bracket": ("SyntaxError", "'(' was never closed", "print((1)", 1, "print((1))"),
    "print": (
        "SyntaxError",
        "Missing parentheses in call to 'print'. Did you mean print(...)?",
        "if 1:\n    print 2",
        2,
        "if 1:\n    print(2)",
    ),
}


@pytest.mark.parametrize("case", RULES.values(), ids=RULES.keys())
def test_rules_mend_the_commonest_mistakes(case: tuple[str, str, str, int, str]) -> None:
    name, message, source, line, mended = case
    error = CellError(number=1, source=source, name=name, message=message, traceback="", line=line)
    found = repair(error, {"table": {"price": 1}, "text": "a"})
    assert found is not None
    assert found.code == mended


@pytest.mark.parametrize(
    ("name", "message", "source"),
    [
        ("NameError", "name 'quite_else' is not defined", "quite_else"),
        ("KeyError", "'unlike'", "table['unlike']"),
        ("AttributeError", "'str' object has no attribute 'quite_else'", "text.quite_else"),
        ("KeyError", "(1, 2)", "table[1, 2]"),
        ("SyntaxError", "'(' was never closed", "f((1\ng(2)"),
        ("NameError", "name 'sns' is not defined", "%magic sns"),
        ("ZeroDivisionError", "division by zero", "1 / 0"),
    ],
)
def test_no_rule_guesses_what_it_cannot_know(name: str, message: str, source: str) -> None:
    error = CellError(number=1, source=source, name=name, message=message, traceback="", line=1)
    assert repair(error, {"table": {"price": 1}}) is None


def test_code_in_a_terminal_is_shown_to_be_copied(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.engine.script = ["```python\nx = 5\n```"]
    agent_shell.run("%agent -f code five")
    out = capsys.readouterr().out
    assert "x = 5" in out
    assert "not run; copy it from here into a cell" in out
    assert "x" not in agent_shell.shell.user_ns


@pytest.mark.slow
def test_in_a_kernel_code_comes_into_cells_and_is_not_run(kernel: Kernel) -> None:
    kernel.run("engine.script = ['```python\\nx = 5\\n```'] * 2")
    reply = kernel.run("%agent -f code five")
    assert payloads(reply) == [{"source": "set_next_input", "text": "x = 5", "replace": False}]
    [shown] = reply.displays().values()
    assert "inserted as a cell below, not run" in shown[-1]
    assert "<script" not in shown[-1]
    kernel.run("engine.script = ['```\\na = 1\\n```', '```\\nb = 2\\n```']")
    both = kernel.run("%agent -f code one\n%agent -f code two")
    assert [entry["text"] for entry in payloads(both)] == ["a = 1\n\nb = 2"]
    assert kernel.run("'x' in globals()").value() == "False"

    assert "put code into a cell below the cell [" in kernel.run("%agent undo --list").value()
    said = kernel.run("%agent undo").value()
    assert "a kernel cannot take code out of cells; in the notebook: Edit, Undo Cell" in said

    kernel.run("amounts = [1]")
    kernel.run("sum(amuonts)")
    alone = kernel.run("%agent fix")
    assert payloads(alone) == [
        {"source": "set_next_input", "text": "sum(amounts)", "replace": True}
    ]
    assert "-sum(amuonts)" in str(alone.messages)
    among = kernel.run("y = 1\n%agent fix")
    assert [entry["replace"] for entry in payloads(among)] == [False]


@pytest.mark.slow
def test_a_cell_that_cannot_be_compiled_is_an_error_to_fix(kernel: Kernel) -> None:
    kernel.run("for i in range(3)\n    print(i)")
    reply = kernel.run("%agent fix")
    assert [entry["text"] for entry in payloads(reply)] == ["for i in range(3):\n    print(i)"]


def test_the_hook_goes_with_the_extension(agent_shell: AgentShell) -> None:
    shell: Any = agent_shell.shell
    notebook_agents.unload_ipython_extension(shell)
    assert not shell.events.callbacks["post_run_cell"]
    notebook_agents.load_ipython_extension(shell)
    assert shell.events.callbacks["post_run_cell"]
