"""G: files of the workspace and nothing else, whatever paths, links and names say."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import threading
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pytest

from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.live.checkpoints import Cause, Checkpoints, Scope
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.tools.beneath import FileMissing, FileUnreadable, PathDenied, opened
from notebook_agents.tools.headers import FileHeaders
from notebook_agents.tools.reading import list_folder, read_lines
from notebook_agents.tools.registry import Registry
from notebook_agents.tools.searching import search
from notebook_agents.tools.writing import FileUnwritable, edit_file, write_file

MIB = 1024 * 1024
CANARY = "canary-7f3a-files"
RLO = "\u202e"
LEADING_OUT = [
    "../out.txt", "a/../../out.txt", "/etc/passwd", "~/x", "C:\\x", "\\\\host\\share",
    "file:///etc/passwd", "%2e%2e/out.txt", "%2E%2E%2Fout.txt", "..;/out.txt", "a\0.txt", "in.txt.",
    "in.txt ", "in.txt. .", "", "./../out.txt", "sub/..", "..", "...", "a\nb",
]  # fmt: skip
HIDDEN = [".env", ".git/config", ".ssh/id", "sub/.env", "sub/.ipynb_checkpoints/x", "g/config",
          "sub/link.txt", "chain", "sub/up/.env"]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace beside what must not be read; links of every kind lead out of it."""
    root = tmp_path / "ws"
    for folder in ("sub/.ipynb_checkpoints", ".git", ".ssh", "real"):
        (root / folder).mkdir(parents=True)
    (root / "in.txt").write_text("inside\n")
    for hidden in (".env", ".git/config", ".ssh/id", "sub/.env", "sub/.ipynb_checkpoints/x"):
        (root / hidden).write_text(CANARY)
    outside = tmp_path / "ws-secret"
    outside.mkdir()
    for path in (tmp_path / "out.txt", outside / "x", outside / "f.txt"):
        path.write_text(CANARY)
    for name, target in {
        "g": ".git", "sub/link.txt": ".env", "chain": "sub/link.txt", "sub/up": "..",
        "file-out": "../out.txt", "folder-out": "../ws-secret", "absolute": str(outside / "x"),
        "loop": "loop", "inner": "sub/../in.txt",
    }.items():  # fmt: skip
        (root / name).symlink_to(target)
    return root


@pytest.fixture
def registry() -> Iterator[Registry]:
    """All tools; socket paths are short, so the folder is too."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield Registry.from_entry_points(KernelSandbox(SandboxConfig(folder)))
    rmtree(folder, ignore_errors=True)


@pytest.fixture
async def tools(registry: Registry) -> AsyncIterator[Registry]:
    """The tools at level low, where nothing but the tools themselves keeps to the workspace."""
    yield registry
    await registry.aclose()


async def use(tools: Registry, root: Path, name: str, /, **arguments: Any) -> ToolResult:
    return await tools.run(
        ToolInvocation(
            call_id="call",
            name=name,
            arguments=tools.validate(name, arguments),
            owner_id="owner",
            conversation_id="conversation",
            workspace=str(root),
            level="low",
            timeout_s=20,
            memory_bytes=512 * MIB,
            on_output=lambda _text: None,
        )
    )


def ways_of(root: Path, path: str) -> list[Callable[[], object]]:
    """Everything that a tool does with a path."""
    place = str(root)
    return [
        lambda: read_lines(place, path, 1, 10),
        lambda: list_folder(place, path, "*"),
        lambda: search(place, "canary", path, "*", ignore_case=False),
        lambda: edit_file(place, path, "canary", "x", replace_all=True),
    ]


def writing(root: Path, path: str) -> Callable[[], object]:
    """Putting a file in its place."""
    return lambda: write_file(str(root), path, "mine")


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("path", LEADING_OUT)
def test_g01_no_spelling_of_a_path_leads_out(root: Path, path: str) -> None:
    before = contents_of(root.parent)
    for way in (*ways_of(root, path), writing(root, path)):
        with pytest.raises(PathDenied) as caught:
            way()
        assert str(root) not in str(caught.value)
    assert contents_of(root.parent) == before


async def test_g01_the_result_says_denied_and_names_no_place_of_the_server(
    tools: Registry, tmp_path: Path
) -> None:
    """One kernel, every tool for files."""
    root = tmp_path / "ws"
    root.mkdir()
    (tmp_path / "out.txt").write_text(CANARY)
    for name, arguments in {
        "file_reader": {}, "list_files": {}, "search_files": {"pattern": "c"},
        "text_statistics": {}, "text_compare": {"other": "x"}, "file_writer": {"content": "x"},
        "file_editor": {"old_text": "c", "new_text": "x"},
    }.items():  # fmt: skip
        for path in ("../out.txt", "/etc/passwd"):
            found = await use(tools, root, name, **arguments, path=path)
            assert found.error_type == "PATH_DENIED", (name, found.content)
            assert str(tmp_path) not in found.content
            assert CANARY not in str(found.value)


@pytest.mark.parametrize("path", ["../ws-secret/x", "../ws-secret", "sub/../../ws-secret/x"])
def test_g02_a_sibling_with_the_same_prefix_is_outside(root: Path, path: str) -> None:
    for way in ways_of(root, path):
        with pytest.raises(PathDenied):
            way()


@pytest.mark.parametrize("path", ["file-out", "folder-out", "folder-out/x", "absolute", "loop"])
def test_g03_a_link_that_leads_out_is_not_followed(root: Path, path: str) -> None:
    before = contents_of(root.parent / "ws-secret")
    for way in ways_of(root, path):
        with pytest.raises(PathDenied):
            way()
    with pytest.raises(PathDenied):
        write_file(str(root), "folder-out/new", "mine")
    with pytest.raises(PathDenied):
        write_file(str(root), "folder-out/deep/new", "mine")
    assert contents_of(root.parent / "ws-secret") == before
    names = list_folder(str(root), ".", "**/*")["files"]
    assert not {"file-out", "folder-out/", "absolute", "loop"} & set(names)


def test_g03_a_link_itself_is_replaced_and_what_it_leads_to_stays(root: Path) -> None:
    write_file(str(root), "file-out", "mine")
    assert (root.parent / "out.txt").read_text() == CANARY
    assert not (root / "file-out").is_symlink()
    assert read_lines(str(root), "inner", 1, 5)["lines"] == ["inside"]


def test_g04_a_folder_that_changes_into_a_link_meanwhile_never_leads_out(root: Path) -> None:
    """A thousand tries each way; the measured way to check first and open then fails in each."""
    (root / "real" / "f.txt").write_text("inside")
    (root / "d").symlink_to("real")
    outside = root.parent / "ws-secret"
    with _flipping(root):
        found = [_content(root) for _ in range(1000)]
        written = [_written(root) for _ in range(1000)]
    assert set(found) <= {"inside", "mine", ""}
    assert any(found), "the race was never won by the real folder"
    assert any(written)
    assert sorted(entry.name for entry in outside.iterdir()) == ["f.txt", "x"]
    assert (outside / "f.txt").read_text() == CANARY


class _flipping:  # noqa: N801 - reads as what happens meanwhile
    """Somebody makes a link lead in and out, each time in one step."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._flip)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _flip(self) -> None:
        while not self._over.is_set():
            for target in ("real", "../ws-secret"):
                (self._root / "next").symlink_to(target)
                (self._root / "next").rename(self._root / "d")


def _content(root: Path) -> str:
    try:
        return "".join(read_lines(str(root), "d/f.txt", 1, 1)["lines"])
    except (PathDenied, FileMissing):
        return ""


def _written(root: Path) -> bool:
    try:
        with opened(str(root), "d", folder=True):
            pass
        write_file(str(root), "d/f.txt", "mine")
    except (PathDenied, FileMissing, FileUnreadable, FileUnwritable):
        return False
    else:
        return True


def test_g05_fifos_sockets_and_devices_are_refused_and_never_waited_for(root: Path) -> None:
    os.mkfifo(root / "fifo.csv")
    (root / "memory.csv").symlink_to("/proc/self/mem")
    names = ["fifo.csv", "memory.csv", "door.csv"]
    if os.geteuid() == 0:
        os.mknod(root / "null.csv", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        names.append("null.csv")
    started = time.monotonic()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(root / "door.csv"))
        for name in names:
            for way in ways_of(root, name):
                with pytest.raises((PathDenied, FileMissing)):
                    way()
            assert FileHeaders().columns(str(root), name) == ()
    with pytest.raises(PathDenied):
        write_file(str(root), "fifo.csv", "x")
    assert time.monotonic() - started < 20


def test_g05_a_sparse_file_of_ten_gigabytes_is_read_to_a_limit(root: Path) -> None:
    with (root / "huge.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.truncate(10 * 1024 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileUnreadable):
        read_lines(str(root), "huge.csv", 1, 10)
    with pytest.raises(FileUnreadable):
        edit_file(str(root), "huge.csv", "a", "b", replace_all=True)
    started = time.process_time()
    FileHeaders().columns(str(root), "huge.csv")  # the server itself looks at this one
    assert time.process_time() - started < 1
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 256 * 1024


def test_g06_a_hard_link_is_a_file_of_the_workspace_and_writing_parts_it(root: Path) -> None:
    """Documented: nobody can make one from within the sandbox, whose mounts part the two."""
    os.link(root.parent / "out.txt", root / "hard.txt")
    assert read_lines(str(root), "hard.txt", 1, 1)["lines"] == [CANARY]
    edit_file(str(root), "hard.txt", CANARY, "mine", replace_all=False)
    assert (root.parent / "out.txt").read_text() == CANARY
    assert "hard link" in Path(__file__).parents[2].joinpath("docs/security.md").read_text()


@pytest.mark.parametrize("path", HIDDEN)
def test_g07_hidden_files_are_not_read_by_any_name_nor_written(root: Path, path: str) -> None:
    before = contents_of(root)
    for way in (*ways_of(root, path), writing(root, f"{path}/new")):
        with pytest.raises((PathDenied, FileMissing)):
            way()
    with pytest.raises(PathDenied):
        read_lines(str(root), path, 1, 10)
    assert contents_of(root) == before


def test_g07_listings_and_searches_leave_out_what_is_hidden(root: Path) -> None:
    assert list_folder(str(root), ".", "**/*")["files"] == [
        "in.txt", "inner", "real/", "sub/",
    ]  # fmt: skip
    assert search(str(root), "canary", ".", "**/*", ignore_case=False)["matches"] == []


def test_g08_a_write_that_is_stopped_leaves_the_old_file_and_nothing_else(root: Path) -> None:
    """The disk, here the largest file of the process, is full at exactly the last byte."""
    (root / "real" / "a").write_text("old")
    kept = os.fork()
    if not kept:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_file(str(root), "real/fits", "x" * 1000)
            write_file(str(root), "real/a", "x" * 1001)
        except FileUnwritable:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(kept, 0)[1]) == 3
    assert contents_of(root / "real") == {
        str(root / "real/a"): b"old",
        str(root / "real/fits"): b"x" * 1000,
    }


def test_g08_of_two_writers_a_reader_sees_one_whole(root: Path) -> None:
    texts = [letter * 20_000 for letter in "ab"]
    write_file(str(root), "f", texts[0])
    over = threading.Event()

    def write(text: str) -> None:
        while not over.is_set():
            write_file(str(root), "f", text)

    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    for writer in writers:
        writer.start()
    try:
        seen = {(root / "f").read_text() for _ in range(200)}
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert seen <= set(texts)
    assert [path.name for path in root.iterdir() if path.name.endswith(".tmp")] == []


@pytest.fixture
def checkpoints(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoints:
    monkeypatch.chdir(root)
    return Checkpoints(dict, tmp_path / "home")


@pytest.mark.parametrize("before", ["old", None])
def test_g09_undo_through_a_folder_that_became_a_link_is_refused(
    root: Path, checkpoints: Checkpoints, before: str | None
) -> None:
    """The agent writes, somebody turns the folder into a link: neither file elsewhere changes."""
    outside = root.parent / "ws-secret"
    if before:
        (root / "real" / "f.txt").write_text(before)
    with checkpoints.around(Scope(names=frozenset()), Cause(tool="run_in_notebook")):
        (root / "real" / "f.txt").write_text("agent")
    rmtree(root / "real")
    (root / "real").symlink_to(outside)
    undone = checkpoints.undo(checkpoints.history()[0], is_forced=True)
    assert (outside / "f.txt").read_text() == CANARY
    assert "link" in " ".join(undone.failures)
    assert undone.files == {}


def test_g09_a_file_that_became_a_link_is_left_alone_and_never_followed(
    root: Path, checkpoints: Checkpoints
) -> None:
    with checkpoints.around(Scope(names=frozenset()), Cause(tool="run_in_notebook")):
        (root / "in.txt").write_text("agent")
    (root / "in.txt").unlink()
    (root / "in.txt").symlink_to("../out.txt")
    assert checkpoints.undo(checkpoints.history()[0], is_forced=False).conflicts == ["in.txt"]
    checkpoints.undo(checkpoints.history()[0], is_forced=True)
    assert (root.parent / "out.txt").read_text() == CANARY


def test_g10_two_spellings_of_a_name_are_one_file_and_odd_names_are_shown_escaped(
    root: Path,
) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "café/é.txt") for form in ("NFC", "NFD"))
    (root / taken_apart).parent.mkdir()
    (root / taken_apart).write_text("one")
    assert read_lines(str(root), composed, 1, 1)["lines"] == ["one"]
    assert edit_file(str(root), composed, "one", "two", replace_all=False)["path"] == taken_apart
    write_file(str(root), composed, "three")
    assert contents_of(root / taken_apart[:5]) == {str(root / taken_apart): b"three"}
    assert write_file(str(root), unicodedata.normalize("NFD", "ü"), "x")["path"] == "\u00fc"
    (root / f"x{RLO}gpj.ipynb").write_text("x")
    shown = list_folder(str(root), ".", "x*")["files"]
    assert shown == ["x\\u202egpj.ipynb"]
    for way in ways_of(root, f"x{RLO}gpj.ipynb"):
        with pytest.raises(PathDenied) as caught:
            way()
        assert RLO not in str(caught.value)
