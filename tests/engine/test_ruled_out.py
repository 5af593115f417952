"""Fixed sentences that a request leaves no room for."""

from __future__ import annotations

import pytest

from notebook_agents.core.messages import system_message, user_message
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.model import LoadedModel, load_model
from notebook_agents.engine.ruled_out import NO_KNOWLEDGE

from .bundled_turns import may_say


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    return load_model(Catalogue().get(BUNDLED_MODEL), "cpu")


@pytest.mark.parametrize(
    ("request_", "reply", "may_be"),
    [
        ("mean of revenue in sales.csv", "Which column should I use?", False),
        ("the mean in sales.csv", "Which column should I use?", True),
        ("describe staff", "Which file or dataframe should I use?", False),
        ("mean salary", "Which file or dataframe should I use?", True),
        ("read notes.txt", "Which file should I read?", False),
        ("average by revenue in sales.csv", "Which column should I use?", True),
        ("the mean of the U.S., e.g. now", "Which file or dataframe should I use?", True),
        ("read a file, e.g. the newest one", "Which file should I read?", True),
        ("read the file", "Which file should I read?", True),
        ("what is the mean salary in staff", NO_KNOWLEDGE, False),
        ("what is the mean salary in Peru", NO_KNOWLEDGE, True),
        ("what does the staff of Eton do", NO_KNOWLEDGE, True),
    ],
)
def test_what_was_said_is_neither_asked_back_nor_unknown(
    bundled: LoadedModel, request_: str, reply: str, may_be: bool
) -> None:
    context = "Dataframes: staff(salary); old(salary)\nFiles: sales.csv(revenue); notes.txt"
    messages = (system_message(context), user_message(request_))
    assert may_say(bundled, reply, messages) is may_be
