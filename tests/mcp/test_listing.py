"""What strangers say: names, descriptions, schemas and results within bounds."""

from __future__ import annotations

from typing import Any

import mcp_types as types
import pytest

from notebook_agents.core.errors import ToolFailed
from notebook_agents.mcp import listing

TEXT: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}


def tool(name: str = "echo", schema: dict[str, Any] | None = None, **said: Any) -> types.Tool:
    return types.Tool(name=name, input_schema=schema or TEXT, **said)


def test_M04_names_are_in_the_space_of_their_server() -> None:
    names = ["python_executor", "a.b", "a_b", "x\n<script>", "y" * 90, "ok\u200b", "über"]
    found = listing.listed("srv", [tool(name) for name in names])
    assert [entry.name for entry in found if entry.state == "ready"] == [
        "srv__python_executor", "srv__a_b", "srv___ber"
    ]  # fmt: skip
    reasons = [entry.reason for entry in found if entry.state == "refused"]
    assert len(reasons) == 4
    assert all(reasons)
    assert all(len(entry.name) <= 64 for entry in found)
    assert len(listing.listed("srv", [tool(f"t{n}") for n in range(10_000)])) == 128


def test_M04_descriptions_are_cut_and_shown_as_they_are() -> None:
    [found] = listing.listed("s", [tool(description="a\u202eb\x00c" + "x" * (1 << 20))])
    assert found.description.startswith("abcx")
    assert len(found.description) <= 1024
    [other] = listing.listed("s", [tool(description="a\u202eb\x00c" + "x" * (1 << 20) + "y")])
    assert found.digest != other.digest  # the whole text counts, not what is shown


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "object", "properties": {"a": {"type": "nonsense"}}},
        {"type": "object", "description": "x" * 20_000},
        {"type": "object", "properties": {"a": 7}},
    ],
)
def test_M04_schemas_that_cannot_be_used_are_refused(schema: dict[str, Any]) -> None:
    [found] = listing.listed("s", [tool(schema=schema)])
    assert found.state == "refused"


def test_M04_deep_schemas_are_refused() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(40):
        schema = {"type": "object", "properties": {"a": schema}}
    assert listing.listed("s", [tool(schema=schema)])[0].state == "refused"


def test_M06_results_are_text_within_bounds() -> None:
    result = types.CallToolResult(
        content=[
            types.TextContent(type="text", text="first\u202e"),
            types.ImageContent(type="image", data="A" * 400, mime_type="image/png"),
            types.ResourceLink(type="resource_link", name="n", uri="file:///x"),
            types.EmbeddedResource(
                type="resource",
                resource=types.TextResourceContents(uri="file:///y", text="inner"),
            ),
            types.TextContent(type="text", text="x" * (1 << 20)),
        ],
        structured_content={"large": "y" * (1 << 20)},
    )
    found = listing.result_of(result)
    assert found.text.startswith(
        "first\n[image: image/png, 300 bytes; not shown]\n[link: n file:///x]\ninner\nxxx"
    )
    assert len(found.text) <= listing.MAX_RESULT_CHARS
    assert set(found.value) == {"output"}
    small = types.CallToolResult(content=[], structured_content={"a": 1}, is_error=True)
    told = listing.result_of(small)
    assert (told.text, told.value["structured"], told.is_error) == ('{"a": 1}', {"a": 1}, True)


def test_results_are_what_the_server_promised() -> None:
    promised = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    unusable = {"type": "object", "description": "x" * 20_000}
    tools = [tool("a", output_schema=promised), tool("b"), tool("c", output_schema=unusable)]
    assert listing.answers(tools) == {"a": promised}
    for given in ({"n": "1"}, {}):
        result = types.CallToolResult(content=[], structured_content=given)
        assert listing.result_of(result).value["structured"] == given
        with pytest.raises(ToolFailed, match="not what the server promised: "):
            listing.result_of(result, promised)
        failed = types.CallToolResult(content=[], structured_content=given, is_error=True)
        assert listing.result_of(failed, promised).is_error
    fine = types.CallToolResult(content=[], structured_content={"n": 1})
    assert listing.result_of(fine, promised).value["structured"] == {"n": 1}
