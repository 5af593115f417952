"""What code could change is read from the code; what cannot be read is everything."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from notebook_agents.core.assessments import Assessment, Finding, Risk
from notebook_agents.live.checkpoints_changes import Scope
from notebook_agents.live.scopes import scope_of


class Account:
    """A class of the person's own."""


Account.__module__ = "__main__"


def own_function() -> None:
    """Could change any variable."""


own_function.__module__ = "__main__"
NAMESPACE: dict[str, Any] = {
    "df": [1],
    "other": [2],
    "n": 1,
    "account": Account(),
    "own": own_function,
}
NAMESPACE |= {"handlers": {"go": own_function}, "later": partial(own_function)}


def scope(code: str, risk: Risk = "mutates") -> Scope:
    assessment = Assessment(effect="write", findings=(Finding(risk=risk, text="x"),))
    return scope_of(code, NAMESPACE, assessment)


def test_variables_that_the_code_does_not_mention_are_not_kept() -> None:
    assert scope("df.append(n)").names == frozenset({"df", "n"})
    assert scope("unknown.append(1)").names == frozenset()


@pytest.mark.parametrize(
    "code",
    [
        "own()",
        "handlers['go']()",
        "later()",
        "account.close()",
        "Account().close(); account",
        "exec('df.clear()')",
        "globals()['df'].clear()",
        "get_ipython().run_cell('df.clear()')",
        "%time df.clear()",
        "df.clear(",
    ],
)
def test_what_may_reach_more_keeps_everything(code: str) -> None:
    assert scope(code).names is None


@pytest.mark.parametrize("risk", ["reads", "binds"])
def test_code_that_only_reads_or_binds_needs_no_contents(risk: Risk) -> None:
    assert scope("total = sum(df)", risk) == Scope(names=frozenset(), files=())


@pytest.mark.parametrize("risk", ["writes_files", "network", "shell", "deletes"])
def test_files_are_kept_in_advance_when_the_code_may_write_them(risk: Risk) -> None:
    assert scope("df.clear()", risk).files is None
    assert scope("df.clear()").files == ()


def test_without_an_assessment_everything_that_is_mentioned_may_change() -> None:
    assert scope_of("df.clear()", NAMESPACE) == Scope(names=frozenset({"df"}), files=None)
