"""Nothing outside the folder is opened, however it is asked for, also while links change."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_agents.tools import beneath
from notebook_agents.tools.beneath import FileMissing, PathDenied, opened

SECRET = "canary-beneath"
DENIED = [
    *("../secret.txt", "a/../../secret.txt", "/etc/passwd", "~/secret.txt", "~root/x"),
    *("C:\\secret.txt", "\\\\host\\share", "file:///etc/passwd", "http://x/y", "a\\b"),
    *("%2e%2e/secret.txt", "..;/secret.txt", "a\0b", "a\nb", "", "..", "...", ". ./x"),
    *("name.txt.", "name.txt ", ".env", ".git/config", "sub/.ssh/id", "../workspace-secret/f"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with links that lead out, and secrets beside it."""
    root = tmp_path / "workspace"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "in.txt").write_text("inside")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "workspace-secret").mkdir()
    (tmp_path / "workspace-secret" / "f").write_text(SECRET)
    (root / "file").symlink_to(tmp_path / "secret.txt")
    (root / "relative").symlink_to("../secret.txt")
    (root / "folder").symlink_to(tmp_path)
    (root / "inner").symlink_to("sub/in.txt")
    (root / "proc").symlink_to("/proc/self")
    return root


@pytest.fixture(params=["openat2", "in turn"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The call of the operating system, and the way of systems that lack it."""
    if request.param == "in turn":
        monkeypatch.setattr(beneath, "SYS_OPENAT2", 100_000)
    return str(request.param)


def read(root: Path, path: str) -> bytes:
    with opened(str(root), path) as fd:
        return os.read(fd, 1000)


@pytest.mark.parametrize("path", DENIED)
def test_a_path_that_leaves_is_denied_and_names_no_server_path(root: Path, path: str) -> None:
    with pytest.raises(PathDenied) as caught:
        read(root, path)
    assert str(root) not in str(caught.value)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("path", ["file", "relative", "folder/secret.txt", "proc/environ"])
def test_a_link_that_leads_out_is_denied(root: Path, path: str) -> None:
    with pytest.raises((PathDenied, FileMissing)):
        read(root, path)


def test_a_link_that_stays_inside_is_followed(root: Path, way: str) -> None:
    assert read(root, "sub/in.txt") == b"inside"
    if way == "openat2":
        assert read(root, "inner") == b"inside"
    else:
        with pytest.raises(PathDenied):
            read(root, "inner")


@pytest.mark.usefixtures("way")
def test_only_regular_files_are_opened_and_nothing_blocks(root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
    for path in ("fifo", "socket", "sub", "."):
        with pytest.raises(PathDenied):
            read(root, path)


@pytest.mark.usefixtures("way")
def test_what_is_not_there_is_missing(root: Path) -> None:
    for path in ("nothing", "sub/nothing", "sub/in.txt/x"):
        with pytest.raises(FileMissing):
            read(root, path)


@pytest.mark.usefixtures("way")
def test_a_folder_that_becomes_a_link_meanwhile_never_leads_out(root: Path) -> None:
    real, link = root / "real", root / "link"
    real.mkdir()
    (real / "f").write_text("inside")
    (root.parent / "f").write_text(SECRET)
    link.symlink_to(root.parent)
    stop = threading.Event()
    flip = threading.Thread(target=_flip, args=(root, stop.is_set))
    flip.start()
    try:
        contents = {_try_read(root, "d/f") for _ in range(5000)}
    finally:
        stop.set()
        flip.join()
    assert contents <= {b"inside", b""}


def _flip(root: Path, is_over: Callable[[], bool]) -> None:
    while not is_over():
        for source in ("real", "link"):
            (root / source).rename(root / "d")
            (root / "d").rename(root / source)


def _try_read(root: Path, path: str) -> bytes:
    try:
        return read(root, path)
    except (PathDenied, FileMissing):
        return b""
