"""In a task's notebook the magic keeps to what the task allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_agents.core.conversations import Conversation, ConversationSettings
from notebook_agents.core.engagements import Engagement
from notebook_agents.core.executions import Execution
from notebook_agents.core.users import Actor
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.options import Options
from notebook_agents.magics.task_notebook import Engaged

AT = datetime(2026, 1, 1, tzinfo=UTC)


def engaged(*tools: str) -> Engaged:
    execution = Execution(
        id="e", task_id="t", owner_id="ann", conversation_id="c", agent_id="a", created_at=AT
    )
    conversation = Conversation(
        id="c",
        owner_id="ann",
        agent_id="a",
        created_at=AT,
        updated_at=AT,
        settings=ConversationSettings(tools=tools or None),
    )
    actor = Actor(user_id="ann", username="ann")
    return Engaged(Engagement(execution=execution, actor=actor, conversation=conversation))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(approval="yes"), "--yes means nothing in a task"),
        (Options(approval="ask"), "--ask means nothing in a task"),
        (Options(tools=("shell", "file_reader")), "allows no tool 'shell'"),
    ],
)
def test_no_flag_widens_what_the_task_allows(options: Options, told: str) -> None:
    with pytest.raises(AgentError, match=told):
        engaged("file_reader").check(options)


@pytest.mark.parametrize("options", [Options(), Options(tools=()), Options(tools=("file_reader",))])
def test_less_may_be_asked_for(options: Options) -> None:
    engaged("file_reader").check(options)
    engaged().check(options)


def test_after_a_question_that_is_not_on_record_everything_is_new() -> None:
    asked: list[str] = []

    class Answered:
        def recorded(self, index: int, text: str) -> Any:
            asked.append(text)

    one: Any = engaged()
    one.engagement = Answered()
    for text in ("new", "old"):
        with pytest.raises(StopIteration) as ended:
            next(one.recorded(None, text, None))
        assert ended.value.value is None
    assert asked == ["new"]
