"""A sandbox over a workspace of the test; the fixtures of the sandbox's own tests serve here too."""

from __future__ import annotations

from ..sandbox.conftest import bench, confined, level, make_bench, medium_works, run_dir, workspace

__all__ = ["bench", "confined", "level", "make_bench", "medium_works", "run_dir", "workspace"]
