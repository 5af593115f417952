"""Importing the package and loading the extension cost next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"torch", "transformers", "jupyter_server", "jupyter_client", "pandas", "duckdb", "IPython"}
PROGRAM = """
import json, sys, time
sys.path = [p for p in sys.path if p]
before = time.perf_counter()
{statement}
seconds = time.perf_counter() - before
print(json.dumps([seconds, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def measure(statement: str) -> tuple[float, set[str]]:
    """Seconds that a statement takes in a fresh process, best of three, and what it imports."""
    results = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(statement=statement)],
            capture_output=True,
            text=True,
            check=True,
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
    return min(seconds for seconds, _ in results), set(results[0][1])


def test_importing_the_package_is_quick_and_imports_nothing_heavy() -> None:
    seconds, modules = measure("import notebook_agents")
    assert seconds < 0.3
    assert not modules & HEAVY


def test_loading_the_extension_is_quick_silent_and_needs_no_model_library() -> None:
    program = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell()\n"
        "before = time.perf_counter()\n"
        "shell.run_line_magic('load_ext', 'notebook_agents')"
    )
    seconds, modules = measure(program)
    assert seconds < 0.3
    assert not modules & {"torch", "transformers", "pandas", "duckdb", "sqlalchemy", "pydantic"}


def test_public_names_are_found_when_they_are_used() -> None:
    import notebook_agents

    assert notebook_agents.__version__.count(".") == 2
    assert notebook_agents.Answer.__name__ == "Answer"
    assert "use_core" in dir(notebook_agents)
    assert not hasattr(notebook_agents, "nothing_of_that_name")


def test_asking_needs_a_shell_and_says_so() -> None:
    statement = "import notebook_agents; notebook_agents.ask('hello')"
    done = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "AgentError: there is no IPython here" in done.stderr
