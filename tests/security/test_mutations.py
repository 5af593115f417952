"""Each control switched off by itself: a case turns red, or the check after the start finds it.

A control whose absence nobody notices is not tested, whatever the cases say.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import zmq
import zmq.asyncio

from notebook_agents.confinement import cgroups, landlock
from notebook_agents.confinement.filters import assemble
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox import bubblewrap, channels, landlocked, plan

from .conftest import need
from .test_a_selection import IGNORING, script
from .test_c_breaking_out import PLANTED, letting_go
from .walls import Bench

Fresh = Callable[..., Bench]
BLIND = ("bubblewrap", "landlocked")
FLAGS = {
    "user": "--unshare-user", "pid": "--unshare-pid", "ipc": "--unshare-ipc",
    "uts": "--unshare-uts", "net": "--unshare-net",
}  # fmt: skip


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Fresh]:
    """A bench whose first kernel starts with what was switched off."""
    made: list[Bench] = []

    def make(backend: str = "namespaces", level: str = "medium", **config: object) -> Bench:
        need(backend, level)
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        made.append(Bench(backend, level, workspace, Path(mkdtemp(prefix="nbt-")), dict(config)))
        return made[-1]

    yield make
    for bench in made:
        bench.close()
        shutil.rmtree(bench.run_dir, ignore_errors=True)


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check after the start sees nothing."""
    for module in BLIND:
        monkeypatch.setattr(
            f"notebook_agents.sandbox.{module}.lacks_of", lambda *_args, **_named: ()
        )


def missing_of(bench: Bench) -> list[str]:
    """What the check after the start misses of a kernel."""
    with pytest.raises(SandboxUnavailable) as caught:
        bench.run("open('marker', 'w')")
    assert not (bench.workspace / "marker").exists()
    found: list[str] = caught.value.details["missing"]
    return found


def without(path: str, line: str, folder: Path) -> str:
    """A copy of one of our scripts without a line, where a kernel sees it."""
    text = Path(path).read_text()
    assert line in text
    source = repr(str(Path(path).resolve().parents[2]))
    text = text.replace(line, "pass").replace("str(Path(__file__).resolve().parents[2])", source)
    copy = folder / f"without_{Path(path).name}"
    copy.write_text(text)
    return str(copy)


def test_without_the_early_filter_namespaces_can_be_made(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "assemble", lambda _rules: assemble(()))
    shown = fresh().output("refused(('unshare', 0x10000000), ('bpf', 0, 0, 0), ('keyctl', 0, 0))")
    assert "unshare" in shown
    assert "bpf" in shown


@pytest.mark.parametrize("name", FLAGS)
def test_a_namespace_that_is_missing_is_found_out(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "user" and os.geteuid() != 0:
        pytest.skip("without a user namespace bubblewrap starts for root only")
    rest = tuple(flag for flag in bubblewrap.NAMESPACES if flag != FLAGS[name])
    monkeypatch.setattr(bubblewrap, "NAMESPACES", rest)
    monkeypatch.setattr(bubblewrap, "CHILD_SECONDS", 2.0)
    # Without a namespace for processes there is no process 1, and so no kernel to be found.
    expected = "kernel start" if name == "pid" else f"{name} namespace"
    assert expected in missing_of(fresh(start_timeout_s=2.0 if name == "pid" else 30.0))


def test_without_the_check_a_mechanism_that_does_nothing_runs_code_unconfined(
    fresh: Fresh, blind: None, tmp_path: Path
) -> None:
    # Its /tmp is the machine's, and what lies there is no quota's business.
    bench = fresh(bwrap=script(tmp_path, IGNORING), max_disk_bytes=1 << 50, max_files=1 << 40)
    assert "passwd" in bench.output("attempt('passwd', open, '/etc/passwd')")


def test_without_a_line_of_the_confining_program_the_check_or_a_case_notices(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = landlocked.CONFINE
    bench = fresh("landlock")
    for line, lacks in (
        ("drop_all()", "dropped capabilities"),
        ("install(assemble(EARLY))", "late system call filter"),
    ):
        if line == "drop_all()" and os.geteuid() != 0:
            continue
        copy = without(original, line, bench.workspace)
        monkeypatch.setattr(landlocked, "CONFINE", copy)
        assert lacks in missing_of(fresh("landlock", start_timeout_s=2.0))
    copy = without(original, "landlock.restrict(places)", bench.workspace)
    monkeypatch.setattr(landlocked, "CONFINE", copy)
    assert "passwd" in fresh("landlock").output("attempt('passwd', open, '/etc/passwd')")


def test_a_place_too_many_shows_files(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    places = landlocked._places
    monkeypatch.setattr(landlocked, "_places", lambda plan: [*places(plan), landlock.Place("/etc")])
    assert "passwd" in fresh("landlock").output("attempt('passwd', open, '/etc/passwd')")


def test_without_the_late_filter_processes_and_sockets_can_be_made(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = fresh("landlock", start_timeout_s=2.0)
    copy = without(plan.LAUNCHER, "install(assemble(late()), all_threads=True)", bench.workspace)
    monkeypatch.setattr(plan, "LAUNCHER", copy)
    assert missing_of(bench) == ["late system call filter"]
    monkeypatch.setattr(landlocked, "lacks_of", lambda *_args, **_named: ())
    shown = fresh("landlock").output("attempt('memory', os.memfd_create, 'x')")
    assert shown == "memory\n"


def test_without_the_limit_of_files_one_grows(fresh: Fresh) -> None:
    code = """
path = os.environ['TMPDIR'] + '/x'
attempt('grown', lambda: os.truncate(open(path, 'wb').name, 64 << 20))
"""
    assert fresh(max_file_bytes=1 << 20).output(code) == ""
    assert fresh(max_file_bytes=1 << 40).output(code) == "grown\n"


def test_without_protected_names_hooks_can_be_planted(fresh: Fresh, tmp_path: Path) -> None:
    code = f"""
for path in {PLANTED!r}:
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    open(path, 'w').write('evil')
"""
    bench = fresh(protected=(), writable_root=tmp_path)
    assert bench.run(code).reason == ""
    assert all((bench.workspace / path).is_file() for path in PLANTED)


def test_without_covers_hidden_files_and_the_machine_s_keys_are_read(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "covered_entries", lambda *_arguments: [])
    monkeypatch.setattr(bubblewrap, "MASKED_PROC_FILES", ())
    bench = fresh()
    (bench.workspace / ".env").write_text("secret")
    shown = bench.output("print(open('.env').read(), len(open('/proc/kallsyms').readline()) > 0)")
    assert shown == "secret True\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns devices")
def test_without_nodes_of_their_own_sandboxes_change_those_of_the_machine(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path("/dev/full").stat()
    monkeypatch.setattr(bubblewrap, "own_nodes", lambda _folder: [])
    fresh().output("os.utime('/dev/full', (1, 1))")
    assert Path("/dev/full").stat().st_mtime == 1
    os.utime("/dev/full", ns=(before.st_atime_ns, before.st_mtime_ns))


def test_without_the_limit_of_a_users_processes_there_is_none(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC) == (64, 64))"
    bench = fresh()
    assert bench.output(code) == "True\n"
    line = 'limits.append((resource.RLIMIT_NPROC, settings["max_tasks"]))'
    monkeypatch.setattr(plan, "LAUNCHER", without(plan.LAUNCHER, line, bench.workspace))
    assert bench.output(code, key="other") == "False\n"


def test_without_the_limit_of_data_a_sealed_process_maps_more_than_it_may(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no control group counts, this alone is hard: the watchdog sees what is used only."""
    monkeypatch.setattr(cgroups, "find", lambda: None)
    code = """
import mmap
attempt('mapped', lambda: mmap.mmap(-1, 900 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
"""
    bench = fresh("landlock")
    outcome = bench.run(code)
    assert (outcome.output, outcome.memory_enforcement) == ("", "sealed-rlimit")
    line = 'limits.append((resource.RLIMIT_DATA, settings["memory_bytes"]))'
    monkeypatch.setattr(plan, "LAUNCHER", without(plan.LAUNCHER, line, bench.workspace))
    assert bench.output(code, key="other") == "mapped\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the settings are root's")
def test_where_proc_can_be_written_root_opens_settings_of_the_machine(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "attempt('opened', os.open, '/proc/sys/vm/overcommit_memory', os.O_WRONLY)"
    bench = fresh()
    assert bench.output(code) == ""
    arguments = bubblewrap.NamespaceBackend._arguments

    def writable(self: bubblewrap.NamespaceBackend, wanted: plan.LaunchPlan) -> list[str]:
        found = arguments(self, wanted)
        at = found.index("--remount-ro", found.index("--dir"))
        assert found[at : at + 4] == ["--remount-ro", "/", "--remount-ro", "/proc"]
        return found[: at + 2] + found[at + 4 :]

    monkeypatch.setattr(bubblewrap.NamespaceBackend, "_arguments", writable)
    assert bench.output(code, key="other") == "opened\n"


def test_a_server_that_connects_again_follows_a_link(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make = channels._socket

    def connecting_again(*arguments: Any) -> zmq.asyncio.Socket:
        made = make(*arguments)
        made.setsockopt(zmq.RECONNECT_IVL, 1)
        return made

    monkeypatch.setattr(channels, "_socket", connecting_again)
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(tmp_path / "s"))
        foreign.listen()
        foreign.settimeout(5)
        bench = fresh()
        bench.run(letting_go(bench, str(tmp_path / "s")), timeout_s=3)
        foreign.accept()[0].close()
