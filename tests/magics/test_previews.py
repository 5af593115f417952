"""``--show-context``: exactly what would be sent, and nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from notebook_agents.magics.previews import Preview

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel

ORDERS = pd.DataFrame({"price": [1.5, 2.5]})


@pytest.mark.parametrize("flag", ["--show-context", "--dry-run"])
@pytest.mark.parametrize("model", ["notebook-agents/tiny", "other/model"])
def test_what_is_shown_is_what_is_sent(agent_shell: AgentShell, flag: str, model: str) -> None:
    agent_shell.shell.user_ns |= {"n": 3, "orders": ORDERS}
    agent_shell.run(f"%agent -m {model} an earlier question")
    n_sent = len(agent_shell.engine.requests)
    agent_shell.run(f"%agent -m {model} {flag} -o seen what is {{n}} to orders?")
    assert len(agent_shell.engine.requests) == n_sent
    seen: Preview = agent_shell.shell.user_ns.pop("seen")
    agent_shell.run(f"%agent -m {model} what is {{n}} to orders?")
    request = agent_shell.last_request
    assert seen.model == request.model
    assert seen.prompt == "what is 3 to orders?"
    assert [seen.system, *(m.text for m in seen.messages)] == [m.text for m in request.messages]
    assert seen.tools == request.tools


def test_it_says_how_much_that_is_and_that_it_is_a_guess(agent_shell: AgentShell) -> None:
    preview: Preview = agent_shell.run("%agent --dry-run hello").value
    assert not preview.is_counted
    assert preview.summary.startswith("notebook-agents/tiny would be sent about ")
    assert "Nothing was sent." in str(preview)
    assert "only a model that is loaded counts" in str(preview)
    assert "**Prompt**\n\n````text\nhello\n````" in preview._repr_markdown_()


def test_the_copies_for_the_tools_are_named_and_not_made(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["orders"] = ORDERS
    preview: Preview = agent_shell.run("%agent --dry-run the price?").value
    assert preview.notes == ("Copies for the tools' sandbox: orders",)
    assert agent_shell.sandbox.calls == []
    assert agent_shell.run("%agent --dry-run --no-tools the price?").value.notes == ()


def test_a_call_that_the_prompt_makes_is_said(agent_shell: AgentShell) -> None:
    preview: Preview = agent_shell.run("%agent --dry-run /python_executor code=1+1").value
    assert preview.call == "python_executor"
    assert agent_shell.tools.invocations == []
    assert "First the tool python_executor is called" in str(preview)


def test_a_prompt_that_could_not_be_sent_says_why(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("%agent --dry-run -m other/modle hello")
    assert "did you mean 'other/model'?" in capsys.readouterr().err


def test_status_says_how_much_the_next_prompt_tells(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns |= {"n": 3, "api_key": "k", "orders": ORDERS}
    assert "Dataframes: orders(price)" in str(agent_shell.run("%agent status").value)
    agent_shell.run("%agent model other/model")
    assert "2 variables in " in str(agent_shell.run("%agent status").value)
    assert "(1 are never told)" in str(agent_shell.run("%agent status").value)


@pytest.mark.slow
def test_in_a_kernel_it_is_shown_awaited_and_never_names_secrets(kernel: Kernel) -> None:
    kernel.run("import pandas as pd\ndf = pd.DataFrame({'age': range(1000)})\ntoken = 'abcdefgh1'")
    shown = kernel.run("%agent --dry-run -m other/model describe df")
    [told] = [m["content"]["data"] for m in shown.messages if m["msg_type"] == "execute_result"]
    assert "- df: DataFrame, 1,000 rows, 1 column" in told["text/markdown"]
    assert "abcdefgh1" not in str(told)
    kernel.run("%agent -m other/model hello")
    kernel.run("df = df.iloc[:980].astype(float)")
    code = "seen = await notebook_agents.show_context('describe df', model='other/model')"
    assert kernel.run(code).status == "ok"
    changes = "df: 1,000 rows → 980 rows; column age now float64"
    assert changes in kernel.run("seen.system").value()
    assert kernel.run("len(engine.requests)").value() == "1"
    lines = kernel.run("[n for n in seen.system.split('\\n') if n[:2] == '- ']").value()
    assert "df: DataFrame" in lines
    assert "get_ipython" not in lines
