"""Level high: copies in, one call, looked-at files out, and nothing is left of the kernel."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from notebook_agents.core.errors import InvalidRequest

from .conftest import MakeBench, every_backend
from .walls import Bench


@every_backend
def test_a_call_sees_copies_and_its_kernel_ends_with_it(single: Bench) -> None:
    (single.workspace / "data").mkdir(exist_ok=True)
    (single.workspace / "data" / "a.csv").write_text("a,b\n1,2\n")
    (single.workspace / ".env").write_text("secret")
    code = f"""
import pandas, duckdb
print(int(pandas.read_csv('data/a.csv').b.sum()), duckdb.sql("FROM 'data/a.csv'").fetchall())
print(os.path.exists('.env'))
attempt('workspace', os.listdir, {str(single.workspace)!r})
attempt('change', open, 'data/a.csv', 'w'); attempt('new', open, 'x', 'w')
attempt('fork', os.fork); attempt('socket', socket.socket); attempt('memory', os.memfd_create, 'x')
kept = 1
"""
    outcome = single.run(code)
    assert (outcome.reason, outcome.output) == ("", "2 [(1, 2)]\nFalse\n"), outcome.error_message
    assert (outcome.enforced_level, outcome.kernel_kept) == ("high", False)
    assert outcome.memory_enforcement in ("cgroup", "sealed-rlimit")
    assert single.run("print(kept)").error_name == "NameError"
    assert [path for path in single.run_dir.glob("nba-*/*") if path.name != "lock"] == []


def test_only_ordinary_files_come_back_and_only_where_may_be_written(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code = """
os.chdir('outputs')
open('a.txt', 'w').write('made'); os.mkdir('sub'); open('sub/b.txt', 'w').write('made')
os.symlink('/etc/passwd', 'link'); os.mkfifo('pipe'); open('.envrc', 'w').write('evil')
os.mkdir('.git'); open('.git/config', 'w').write('evil'); open('x.pth', 'w').write('evil')
"""
    root = tmp_path_factory.getbasetemp()
    bench = make_bench("auto", "high", writable_root=root)
    outside = tmp_path_factory.mktemp("outside")
    (bench.workspace / "outputs").symlink_to(outside)
    outcome = bench.run(code)
    outputs = bench.workspace / "outputs"
    found = {str(path.relative_to(outputs)) for path in outputs.rglob("*") if path.is_file()}
    assert found == {"a.txt", "sub/b.txt"}
    assert not outputs.is_symlink()
    assert list(outside.iterdir()) == []
    assert stat.S_IMODE((outputs / "a.txt").stat().st_mode) == 0o600
    assert any("protected" in event for event in outcome.security_events)
    dropped = make_bench("auto", "high").run(code)
    assert "read-only" in dropped.security_events[0]


def test_what_does_not_fit_is_refused_or_left_behind(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp()
    bench = make_bench("landlock", "high", stage_files=3, stage_bytes=1 << 20, writable_root=root)
    outcome = bench.run("for n in range(9): open(f'outputs/{n}', 'w').write('x')")
    assert len(list((bench.workspace / "outputs").iterdir())) == 3
    assert "too many" in outcome.security_events[0]
    sparse = Path(bench.workspace / "large")
    sparse.touch()
    os.truncate(sparse, 2 << 20)
    with pytest.raises(InvalidRequest, match="too large"):
        bench.run("1")
    sparse.unlink()


def test_functions_of_tools_find_the_copies_by_the_folder_s_name(single: Bench) -> None:
    (single.workspace / "note.txt").write_text("one\ntwo\n")
    arguments = {"root": str(single.workspace), "path": "note.txt"}
    outcome = single.run(
        function="notebook_agents.tools.writing:write_file", arguments=arguments | {"content": "x"}
    )
    assert "Read-only" in outcome.error_message
    assert (single.workspace / "note.txt").read_text() == "one\ntwo\n"
