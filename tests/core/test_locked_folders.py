"""Folders of killed processes go, those of living ones stay; what is not ours is not touched."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notebook_agents.core.locked_folders import LockedFolders

CHILD = """
import sys
from pathlib import Path
from notebook_agents.core.locked_folders import LockedFolders
parent = Path(sys.argv[1])
folders = LockedFolders(parent=parent, prefix="of-", lock=parent / "made.lock")
for name in sys.argv[2:]:
    folders.make(name)
    (parent / name / "left").write_text("by " + name)
print("made", flush=True)
sys.stdin.read()
"""
Start = Callable[..., subprocess.Popen[bytes]]
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")


@pytest.fixture
def folders(tmp_path: Path) -> LockedFolders:
    return LockedFolders(parent=tmp_path, prefix="of-", lock=tmp_path / "made.lock")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that makes the folders of these names and lives until it is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*names: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-c", CHILD, str(tmp_path), *names]
        started.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.glob("of-*"))


def test_a_killed_ones_folder_is_swept_and_a_living_ones_stays(
    folders: LockedFolders, start: Start
) -> None:
    killed, living = start("of-killed"), start("of-living")
    wait_for(killed, living)
    kill(killed)
    folders.sweep()
    assert names(folders.parent) == ["of-living"]
    assert (folders.parent / "of-living" / "left").read_text() == "by of-living"
    kill(living)
    folders.sweep()
    assert names(folders.parent) == []


def test_who_makes_a_folder_sweeps_and_keeps_it_until_it_lets_go(
    folders: LockedFolders, start: Start
) -> None:
    killed = start("of-killed")
    wait_for(killed)
    kill(killed)
    lock = folders.make("of-mine")
    assert names(folders.parent) == ["of-mine"]
    assert stat.S_IMODE((folders.parent / "of-mine").stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        folders.make("of-mine")
    assert names(folders.parent) == ["of-mine"]
    os.close(lock)
    folders.sweep()
    assert names(folders.parent) == []


def test_processes_that_make_folders_at_once_do_not_sweep_each_others_away(
    folders: LockedFolders, start: Start
) -> None:
    made = [[f"of-{process}-{n}" for n in range(40)] for process in range(4)]
    wait_for(*[start(*some) for some in made])
    assert names(folders.parent) == sorted(name for some in made for name in some)
    assert len(list(folders.parent.glob("of-*/left"))) == 160


def test_what_was_removed_halfway_goes_and_what_has_another_name_stays(
    folders: LockedFolders,
) -> None:
    (folders.parent / "of-half" / "removed").mkdir(parents=True)
    (folders.parent / "other").mkdir()
    (folders.parent / "of-file").touch()
    folders.sweep()
    assert names(folders.parent) == ["of-file"]
    assert (folders.parent / "other").exists()


def test_links_are_not_followed(folders: LockedFolders) -> None:
    precious = folders.parent / "precious"
    precious.mkdir()
    (folders.parent / "of-link").symlink_to(precious)
    (folders.parent / "of-trap").mkdir()
    (folders.parent / "of-trap" / "lock").symlink_to(precious / "made")
    folders.sweep()
    assert list(precious.iterdir()) == []
    assert names(folders.parent) == ["of-link", "of-trap"]


@only_root
def test_folders_of_other_users_are_left_alone(folders: LockedFolders) -> None:
    other = folders.parent / "of-other"
    other.mkdir()
    os.chown(other, 12345, 12345)
    folders.sweep()
    assert list(other.iterdir()) == []


@pytest.mark.parametrize(
    "is_link", [pytest.param(True, id="link"), pytest.param(False, id="owner", marks=only_root)]
)
def test_nobody_sweeps_when_somebody_else_took_the_locks_name(
    folders: LockedFolders, *, is_link: bool
) -> None:
    if is_link:
        folders.lock.symlink_to(folders.parent / "planted")
    else:
        folders.lock.touch()
        os.chown(folders.lock, 12345, 12345)
    (folders.parent / "of-new").mkdir()
    folders.sweep()
    os.close(folders.make("of-mine"))
    assert names(folders.parent) == ["of-mine", "of-new"]
    assert not (folders.parent / "planted").exists()


def test_a_folder_can_be_the_lock_and_leaves_nothing_beside_the_others(tmp_path: Path) -> None:
    folders = LockedFolders(parent=tmp_path, prefix="", lock=tmp_path)
    (tmp_path / "left").mkdir()
    lock = folders.make("mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    os.close(lock)


def test_one_that_cannot_be_removed_does_not_keep_the_others(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(folder: Path) -> None:
        asked.append(folder.name)
        raise OSError(f"{folder} is busy")

    folders = LockedFolders(parent=tmp_path, prefix="of-", lock=tmp_path, remove=refuse)
    for name in ("of-1", "of-2"):
        (tmp_path / name).mkdir()
    folders.sweep()
    assert sorted(asked) == ["of-1", "of-2"]
    LockedFolders(parent=tmp_path, prefix="of-", lock=tmp_path).sweep()
    assert names(tmp_path) == []


def test_where_there_is_nothing_nothing_is_swept(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    LockedFolders(parent=gone, prefix="of-", lock=gone / "made.lock").sweep()
    assert not gone.exists()
