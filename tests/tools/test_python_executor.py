"""Code runs, its text is short, its failures are one line."""

from __future__ import annotations

import pytest

from .conftest import ToolBench


async def test_the_text_is_what_was_printed_and_the_last_value(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="print(12345 * 6789)\n'last'")
    assert result.status == "succeeded"
    assert result.content == "83810205\n'last'"
    assert result.value["output"] == "83810205\n'last'\n"
    assert result.value["exit_code"] == 0
    assert result.value["execution_time_ms"] > 0
    assert result.enforced_level == "low"
    assert result.memory_enforcement == "watchdog"
    assert result.cpu_ms is not None
    assert result.memory_bytes


async def test_nothing_printed_is_an_empty_text(tools: ToolBench) -> None:
    assert (await tools.use("python_executor", code="x = 1")).content == ""


async def test_an_exception_is_its_last_line(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="print('before')\nx")
    assert (result.status, result.error_type) == ("failed", "NameError")
    assert result.content == "Error: NameError: name 'x' is not defined\nPrinted before:\nbefore"
    assert result.value["exit_code"] == 1
    assert result.value["output"] == "before\n"
    assert "NameError" in result.value["traceback"]


async def test_a_syntax_error_is_one_line(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="1 +")
    assert result.content.startswith("Error: SyntaxError: invalid syntax")
    assert "\n" not in result.content


async def test_long_output_is_cut_and_says_so(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="for n in range(50): print(n)")
    lines = result.content.split("\n")
    assert lines[:2] == ["0", "1"]
    assert len(lines) == 21
    assert lines[-1] == "... 30 more lines"
    assert result.value["output"].count("\n") == 50
    wide = await tools.use("python_executor", code="for n in range(9): print('x' * 500)")
    assert len(wide.content) <= 1500
    assert wide.content.endswith("... 7 more lines")
    single = await tools.use("python_executor", code="print('x' * 5000)")
    assert len(single.content) <= 1500


async def test_terminal_codes_do_not_reach_the_model(tools: ToolBench) -> None:
    code = "print('\\x1b[31mred\\x1b[0m \\x1b]52;c;eA==\\x07\\u202eflip\\u200b')"
    assert (await tools.use("python_executor", code=code)).content == "red flip"


@pytest.mark.parametrize(("argument", "invocation"), [(1, 20.0), (20, 1.0)])
async def test_the_shorter_time_holds(tools: ToolBench, argument: int, invocation: float) -> None:
    result = await tools.use(
        "python_executor", code="while True: pass", timeout=argument, timeout_s=invocation
    )
    assert (result.status, result.error_type) == ("timed_out", "TIMEOUT")
    assert result.content == "Error: the code ran longer than 1 seconds"
    assert result.value["exit_code"] == 124


async def test_a_lost_kernel_says_that_variables_are_lost(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="import os; os._exit(3)")
    assert result.error_type == "KERNEL_LOST"
    expected = "Error: the tool kernel exited with code 3; its variables are lost"
    assert result.content == expected


async def test_too_much_memory_is_named(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="x = bytearray(1 << 30)")
    assert result.error_type == "MEMORY_LIMIT"
    assert result.content.startswith("Error: the code needed more than 512 MB of memory")


async def test_text_is_shown_as_it_is_printed(tools: ToolBench) -> None:
    await tools.use("python_executor", code="print('now')")
    assert "".join(tools.shown) == "now\n"


async def test_medium_runs_the_same(confined_tools: ToolBench) -> None:
    result = await confined_tools.use("python_executor", code="print(12345 * 6789)")
    assert (result.content, result.enforced_level) == ("83810205", "medium")


async def test_text_that_cannot_be_encoded_is_escaped(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="print('a\\ud800b', '✓')")
    assert result.content == r"a\ud800b ✓"
