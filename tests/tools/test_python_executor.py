"""Code runs, its text is short, its failures are one line, its figures come back."""

from __future__ import annotations

import json

import pytest

from .conftest import ToolBench

FRAME = """import pandas as pd
df = pd.DataFrame({'price': [1.5, 2.5, 2.5], 'qty': [1, 2, 3]})
"""
HISTOGRAM = f"{FRAME}import plotly.express as px\npx.histogram(df, x='price')"
PICTURE = """import base64, struct, zlib
def chunk(name, data):
    end = zlib.crc32(name + data)
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', end)
def png(width, height, colours):
    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    parts = chunk(b'IHDR', head), chunk(b'IDAT', colours), chunk(b'IEND', b'')
    return b'\\x89PNG\\r\\n\\x1a\\n' + b''.join(parts)
class Picture:
    def __init__(self, data): self.data = data
    def _repr_png_(self): return self.data
"""


@pytest.fixture(params=["low", "medium"])
def bench(request: pytest.FixtureRequest) -> ToolBench:
    """The tools at each level."""
    name = "tools" if request.param == "low" else "confined_tools"
    found: ToolBench = request.getfixturevalue(name)
    return found


async def test_the_text_is_what_was_printed_and_the_last_value(tools: ToolBench) -> None:
    result = await tools.use("python_executor", code="print(12345 * 6789)\n'last'")
    assert result.status == "succeeded"
    assert result.content == "83810205\n'last'"
    assert result.value["output"] == "83810205\n'last'\n"
    assert result.value["exit_code"] == 0
    assert result.value["execution_time_ms"] > 0
    assert result.enforced_level == "low"
    assert result.memory_enforcement in ("cgroup", "watchdog")
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


async def test_a_figure_is_one_word_for_the_model_and_whole_for_clients(bench: ToolBench) -> None:
    result = await bench.use("python_executor", code=HISTOGRAM)
    assert (result.status, result.content) == ("succeeded", "[figure]")
    assert (result.value["output"], "".join(bench.shown)) == ("", "")
    [figure] = result.value["figures"]
    assert set(figure) == {"data", "layout"}
    assert figure["data"][0]["type"] == "histogram"
    assert figure["layout"]["xaxis"]["title"]["text"] == "price"
    assert "html" not in json.dumps(figure)
    [kept] = result.figures
    assert json.loads(kept.content) == figure
    assert kept.label == "histogram of count by price"


async def test_a_first_figure_does_not_wait_for_a_library_that_it_does_not_need(
    tools: ToolBench,
) -> None:
    """Plotly asks for nbformat, and that for a grammar that takes a second to build."""
    await tools.use("python_executor", code=HISTOGRAM)
    code = "import sys; {'nbformat', 'lark'} & sys.modules.keys()"
    assert (await tools.use("python_executor", code=code)).content == "{'nbformat'}"


async def test_shown_figures_come_back_in_order_beside_what_was_printed(bench: ToolBench) -> None:
    code = f"""{FRAME}import plotly.express as px
print('first')
px.bar(df, x='qty', y='price', title='Prices').show()
print('second')
fig = px.line(df, x='qty', y='price')
fig.show()"""
    result = await bench.use("python_executor", code=code)
    assert result.content == "first\nsecond\n[figure]\n[figure]"
    assert result.value["output"] == "first\nsecond\n"
    labels = [figure.label for figure in result.figures]
    assert labels == ["Prices (bar chart of price by qty)", "line chart of price by qty"]
    again = await bench.use("python_executor", code="fig")
    assert (again.content, len(again.figures)) == ("[figure]", 1)
    assert (await bench.use("python_executor", code="1")).figures == ()


async def test_pandas_draws_with_plotly_where_matplotlib_is_missing(bench: ToolBench) -> None:
    """In the cell that imports pandas, and in one that finds it imported."""
    await bench.use("python_executor", code="import sys; sys.modules['matplotlib'] = None")
    result = await bench.use("python_executor", code=f"{FRAME}df.plot(x='qty', y='price')")
    assert result.content == "[figure]", result.value
    result = await bench.use("python_executor", code="df['price'].plot.hist()")
    assert [figure.label for figure in result.figures] == ["histogram of count by value"]


async def test_pandas_draws_with_matplotlib_where_it_is_installed(bench: ToolBench) -> None:
    result = await bench.use("python_executor", code=f"{FRAME}df.plot(x='qty', y='price');")
    assert [figure.media_type for figure in result.figures] == ["image/png"], result.content


async def test_a_figure_before_an_error_is_kept(tools: ToolBench) -> None:
    code = f"{FRAME}import plotly.express as px\npx.bar(df, x='qty', y='price').show()\n1 / 0"
    result = await tools.use("python_executor", code=code)
    assert result.content == "Error: ZeroDivisionError: division by zero\nPrinted before:\n[figure]"
    assert len(result.figures) == 1


@pytest.mark.parametrize("n_values", [200_000, 2_000_000])
async def test_a_figure_that_is_too_large_is_left_out_and_says_so(
    tools: ToolBench, n_values: int
) -> None:
    """Also one that would not fit a message, which would end the call."""
    code = f"""import numpy as np, plotly.express as px
px.histogram(x=np.arange(9)).show()
px.histogram(x=np.random.rand({n_values}))"""
    result = await tools.use("python_executor", code=code)
    assert result.content == "[figure]\n[figure, too large to show]"
    assert result.status == "succeeded"
    assert len(result.value["figures"]) == 1


async def test_the_figures_of_a_call_are_few(tools: ToolBench) -> None:
    code = "import plotly.graph_objects as go\nfor _ in range(30): go.Figure().show()"
    result = await tools.use("python_executor", code=code)
    assert result.content.split("\n") == [*["[figure]"] * 20, "... 10 more figures"]
    assert len(result.figures) == 20


async def test_a_picture_comes_back_as_a_figure(bench: ToolBench) -> None:
    code = f"{PICTURE}print('drawn')\nPicture(png(30, 20, zlib.compress(bytes(31 * 20))))"
    result = await bench.use("python_executor", code=code)
    assert result.content == "drawn\n[figure]"
    [image] = result.value["images"]
    assert image.startswith("iVBORw0KGgo")
    assert result.value["output"] == "drawn\n"
    assert [figure.label for figure in result.figures] == ["picture of 30 by 20 pixels"]


@pytest.mark.parametrize(
    "picture",
    ["png(99_999, 99_999, b'')", "png(9, 9, bytes(600_000))", "png(9, 9, bytes(9 << 20))"],
)
async def test_a_picture_of_too_many_bytes_or_pixels_is_left_out(
    tools: ToolBench, picture: str
) -> None:
    shown = f"display(Picture({picture}))\nPicture({picture})"
    code = f"{PICTURE}from IPython.display import display\n{shown}"
    result = await tools.use("python_executor", code=code)
    mark = "[figure, too large to show]"
    assert (result.status, result.content) == ("succeeded", f"{mark}\n{mark}")
    assert result.figures == ()


async def test_code_may_clear_its_output(tools: ToolBench) -> None:
    code = "from IPython.display import clear_output\nclear_output()\nprint('done')"
    assert (await tools.use("python_executor", code=code)).content == "done"
