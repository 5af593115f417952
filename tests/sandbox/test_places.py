"""Empty folders that stand for protected names: there while kernels run, and gone afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.sandbox.places import Places

NAMES = (".git", ".venv", ".jupyter", ".env*", "*.pth")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_places_are_kept_until_the_last_kernel_ends(workspace: Path) -> None:
    places = Places()
    places.take(workspace, NAMES)
    places.take(workspace, NAMES)
    places.leave(workspace)
    assert names(workspace) == [".git", ".jupyter", ".venv"]
    places.leave(workspace)
    assert names(workspace) == []


def test_what_was_there_before_or_is_filled_meanwhile_stays(
    workspace: Path, tmp_path: Path
) -> None:
    (workspace / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    places = Places()
    places.take(workspace, NAMES)
    (workspace / ".venv" / "mine").touch()
    (workspace / ".jupyter").rmdir()
    (workspace / ".jupyter").symlink_to(tmp_path / "empty")
    places.leave(workspace)
    assert names(workspace) == [".git", ".jupyter", ".venv"]
    assert (tmp_path / "empty").is_dir()


def test_a_workspace_that_became_a_link_is_not_followed(workspace: Path, tmp_path: Path) -> None:
    places = Places()
    places.take(workspace, NAMES)
    workspace.rename(tmp_path / "moved")
    workspace.symlink_to(tmp_path / "moved")
    places.leave(workspace)
    assert names(tmp_path / "moved") == [".git", ".jupyter", ".venv"]


def test_places_that_cannot_all_be_made_leave_none(workspace: Path) -> None:
    places = Places()
    with pytest.raises(OSError, match="File name too long"):
        places.take(workspace, (".git", "." + "x" * 300))
    assert names(workspace) == []
