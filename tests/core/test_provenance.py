"""Where the results of tools count as being from."""

from __future__ import annotations

import pytest

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.policy import Effect
from notebook_agents.core.provenance import TAINTING, origin_of
from notebook_agents.core.tools import ToolSpec


def origin(category: str, effect: Effect, module: str, error_type: str = "") -> str:
    spec = ToolSpec(
        name="t",
        title="T",
        description="d",
        category=category,
        parameters={},
        effect=effect,
        module=module,
    )
    return origin_of(spec, Assessment(effect=effect), error_type=error_type)


@pytest.mark.parametrize("category", ["weather", "notebook", "thinking"])
def test_what_a_plugin_tells_is_data_whatever_it_calls_its_category(category: str) -> None:
    found = {
        effect: origin(category, effect, "weather_plugin.tools")
        for effect in ("read", "compute", "write", "network", "external")
    }
    assert found == {
        **{"read": "program", "compute": "program", "write": "program"},
        **{"network": "web", "external": "web"},
    }
    assert {"web"} == {each for each in found.values() if each in TAINTING}


def test_words_of_the_product_and_of_the_owners_functions_stay_what_they_are() -> None:
    assert origin("thinking", "read", "notebook_agents.tools.think") == ""
    assert origin("notebook", "compute", "") == ""
    assert origin("files", "read", "weather_plugin.tools") == "file"


def test_only_our_own_tools_are_believed_that_nothing_was_received() -> None:
    for error_type in ("URL_DENIED", "UNREACHED"):
        assert origin("web", "network", "notebook_agents.tools.web_fetch", error_type) == ""
        assert origin("web", "network", "web_plugin.tools", error_type) == "web"
        assert origin("code", "network", "notebook_agents.tools.python", error_type) == "web"
    for error_type in ("", "REDIRECT_DENIED", "URL_FAILED", "TIMEOUT"):
        assert origin("web", "network", "notebook_agents.tools.web_fetch", error_type) == "web"
