"""``%agent budget`` and ``frames.score``."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from tests.magics.conftest import AgentShell
from tests.magics.test_sql import sql_shell

from notebook_agents.magics.budget import wish_of
from notebook_agents.magics.errors import AgentError

__all__ = ["sql_shell"]


def test_a_budget_is_set_told_and_taken_back(sql_shell: AgentShell) -> None:
    assert "No budget" in str(sql_shell.run("%agent budget").value)
    frame = sql_shell.run("%agent budget 5").value
    assert frame[["period", "limit_usd"]].values.tolist() == [["day", 5.0]]
    sql_shell.run("%agent budget month $50")
    frame = sql_shell.run("%agent budget").value
    assert sorted(frame["period"]) == ["day", "month"]
    assert frame["uncosted_calls"].tolist() == [1, 1]
    assert frame["spent_usd"].isna().all()
    sql_shell.run("%agent budget month off")
    assert "No budget" in str(sql_shell.run("%agent budget off").value)


@pytest.mark.parametrize("text", ["much", "day", "5 6", "week 5"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="%agent budget month 20"):
        wish_of(text)


def test_answers_are_scored_and_compared(
    sql_shell: AgentShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InteractiveShell, "_instance", sql_shell.shell)
    sql_shell.run("from notebook_agents import frames")
    sql_shell.run("answer = %agent again")
    sql_shell.run("frames.score(answer, 'exact_match', 1, is_passed=True, dataset='sums')")
    sql_shell.run("frames.score(answer.run_id, 'exact_match', 0, is_passed=False, dataset='sums')")
    frame = sql_shell.run("frames.evals(dataset='sums')").value
    assert frame[["scorer", "n", "mean", "pass_rate"]].values.tolist() == [
        ["exact_match", 2, 0.5, 0.5]
    ]
    error = sql_shell.run("frames.score(answer, 'x', 1, datset='sums')").error
    assert "a score has no datset, only is_passed" in str(error)
    assert "run 'nobody' was not found" in str(
        sql_shell.run("frames.score('nobody', 'x', 1)").error
    )
