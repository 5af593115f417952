"""What the model is told about the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

import notebook_agents
from notebook_agents.core.models import BUNDLED_MODEL, ModelInfo
from notebook_agents.live.visibility import Visibility
from notebook_agents.magics.context import MAX_FRAMES, Context, frames_by_name, frames_line
from notebook_agents.magics.preferences import Preferences

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

ORDERS = pd.DataFrame({"price": [1.5, None], "city": ["Bern", "Zürich"]})
OTHER = "%agent -m other/model"


def system(shell: AgentShell) -> str:
    """The instructions that the engine saw last."""
    first = shell.last_request.messages[0]
    return first.text if first.role == "system" else ""


def test_frames_are_named_with_their_columns() -> None:
    names = {
        "df": pd.DataFrame({"price": [1], "qty": [2]}),
        "n": 3,
        "wide": pd.DataFrame([[0] * 13]),
    }
    columns = ", ".join(map(str, range(12)))
    assert frames_line(names) == f"Dataframes: df(price, qty); wide({columns}, ...)"
    assert frames_line({"n": 3}) == ""


def test_a_frame_whose_columns_cannot_be_told_is_named_alone() -> None:
    names = {"df": pd.DataFrame({"price (EUR)": [1]}), "none": pd.DataFrame()}
    assert frames_line(names) == "Dataframes: df; none"


def test_the_newest_frames_are_told_each_under_its_newest_name() -> None:
    names = {f"f{number}": pd.DataFrame({"x": [1]}) for number in range(MAX_FRAMES + 1)}
    names |= {"_hidden": names["f3"], "again": names["f2"]}
    assert list(frames_by_name(names)) == ["f1", "f3", "f4", "f5", "f6", "f7", "f8", "again"]


def test_hidden_frames_are_in_no_line() -> None:
    names = {"df": ORDERS, "patient_7": ORDERS.copy(), "secrets": ORDERS.copy()}
    assert frames_line(names, Visibility(hidden=("patient_*",))) == "Dataframes: df(price, city)"


def test_the_model_in_the_box_is_told_just_what_it_was_trained_on(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns |= {"orders": ORDERS, "n": 3}
    agent_shell.run("%agent hello")
    [line] = [line for line in system(agent_shell).split("\n") if "orders" in line]
    assert line == "Dataframes: orders(price, city)"
    assert "Variables of the notebook" not in system(agent_shell)


def test_other_models_are_told_the_capsule_and_what_has_changed(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns |= {"orders": ORDERS, "n": 3, "gone": 1}
    agent_shell.run(f"{OTHER} hello")
    told = system(agent_shell)
    assert "- orders: DataFrame, 2 rows, 2 columns" in told
    assert "    price: float64, 1 null, always 1.5" in told
    assert "Dataframes:" not in told
    assert "Changed since" not in told
    agent_shell.run("orders = orders.dropna(); n = 4; del gone")
    agent_shell.run(f"{OTHER} and now?")
    last = system(agent_shell).split("\n")[-1]
    assert last == ("Changed since the last prompt: n: 3 → 4; orders: 2 rows → 1 row; gone removed")
    agent_shell.run(f"{OTHER} and now?")
    assert "Changed since" not in system(agent_shell)


def test_a_new_conversation_compares_with_nothing(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["n"] = 3
    agent_shell.run(f"{OTHER} hello")
    agent_shell.shell.user_ns["n"] = 4
    agent_shell.run("%agent reset")
    agent_shell.run(f"{OTHER} hello")
    assert "n: int 4" in system(agent_shell)
    assert "Changed since" not in system(agent_shell)


def test_a_prompt_that_was_not_sent_tells_of_no_change(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["n"] = 3
    agent_shell.run(f"{OTHER} hello")
    agent_shell.shell.user_ns["n"] = 4
    agent_shell.run(f"{OTHER} --tools nothing_like_it hello")
    agent_shell.run(f"{OTHER} --show-context hello")
    agent_shell.run(f"{OTHER} hello")
    assert "n: 3 → 4" in system(agent_shell)


def test_the_budget_and_what_is_hidden_are_settings(agent_shell: AgentShell) -> None:
    names = {f"v{number}": "x" * 50 for number in range(30)}
    agent_shell.shell.user_ns |= names
    agent_shell.run("%config AgentMagics.context_chars = 400")
    agent_shell.run(f"{OTHER} hello")
    told = system(agent_shell)[system(agent_shell).index("Variables") :]
    assert len(told) <= 400
    assert "more variables: " in told
    agent_shell.run("%config AgentMagics.context_chars = 6000")
    agent_shell.run("%config AgentMagics.hidden = ['v1*']")
    agent_shell.run(f"{OTHER} hello")
    assert "v17" not in system(agent_shell)
    assert "- v2:" in system(agent_shell)
    agent_shell.run("%config AgentMagics.context_chars = 0")
    agent_shell.run(f"{OTHER} hello")
    assert "v2" not in system(agent_shell)


def test_variables_are_hidden_and_shown_from_python(agent_shell: AgentShell) -> None:
    shell = agent_shell.shell
    shell.user_ns |= {"orders": ORDERS, "api_key": "abcdefgh", "n": 3}
    notebook_agents.hide("orders", shell=shell)
    agent_shell.run(f"{OTHER} the price?")
    assert "orders" not in system(agent_shell)
    assert agent_shell.sandbox.calls == []
    notebook_agents.show("orders", "api_key", shell=shell)
    agent_shell.run(f"{OTHER} hello")
    assert "- orders:" in system(agent_shell)
    assert "- api_key: str" in system(agent_shell)


def test_what_the_shell_and_the_magics_put_there_is_not_told(agent_shell: AgentShell) -> None:
    agent_shell.run("n = 1")
    agent_shell.run(f"{OTHER} hello")
    told = system(agent_shell)
    lines = [line for line in told[told.index("Variables") :].split("\n") if line[:1] == "-"]
    assert lines == ["- n: int 1"]


def test_a_model_with_a_small_context_is_told_less(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns |= {f"v{number}": "x" * 50 for number in range(60)}
    context = Context(agent_shell.shell, Preferences())
    infos = [ModelInfo(id="small", name="small", context_length=1000)]
    context.know(infos)
    assert 0 < len(context.told("", "small")) <= 750
    assert len(context.told("", "unknown")) > 750
    assert context.told("", BUNDLED_MODEL) == ""


def test_pictures_of_figures_go_to_models_that_see(agent_shell: AgentShell) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    context = Context(agent_shell.shell, Preferences())
    context.know([ModelInfo(id="sees", name="sees", capabilities=("text", "vision"))])
    agent_shell.shell.user_ns["figure"] = figure
    context.told("the figure", "sees")
    [picture] = context.thumbnails("the figure", "sees")
    assert (picture.kind, picture.media_type, picture.name) == ("image", "image/png", "figure")
    assert context.thumbnails("the figure", "blind") == ()
