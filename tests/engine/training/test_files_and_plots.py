"""Claims about requests for files, plots and variables: results are those of real execution."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_agents.engine.training import inspecting, listings, plotting, reading
from notebook_agents.engine.training.conversation import TOOLS, Call, Conversation, Exchange
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.scene import Scene

from .conftest import scene_of

MAKERS = [
    maker
    for module in (inspecting, listings, plotting, reading)
    for maker, _ in module.KINDS
    if maker is not inspecting.inspect_value  # Its values are made up.
]


def assert_results_are_real(scene: Scene, found: tuple[Exchange, ...], folder: Path) -> None:
    fixtures = dict(scene.frames), dict(scene.tables), dict(scene.texts), scene.shown_files()
    with Workspace(folder, Conversation(found, TOOLS, *fixtures)) as workspace:
        for step in (step for exchange in found for step in exchange.steps):
            if "\n... " not in step.result:
                assert workspace.run(step.call).strip() == step.result.strip(), step.call.json()


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_results_are_those_of_real_execution(
    maker: Callable[[Scene], Exchange], tmp_path: Path
) -> None:
    for number in range(12):
        scene = scene_of(f"{number}", pieces=("ab", "ro"))
        scene.clutter()
        found = maker(scene)
        assert_results_are_real(scene, (found,), tmp_path / str(number))


def test_a_defined_variable_is_inspected(tmp_path: Path) -> None:
    for number in range(20):
        scene = scene_of(f"{number}", pieces=("ab", "ro"))
        found = inspecting.inspect_defined(scene)
        assert_results_are_real(scene, found, tmp_path / str(number))


@pytest.mark.parametrize("kind", plotting.PLOTS, ids=lambda kind: kind.pool)
def test_every_kind_of_plot_can_be_drawn(kind: plotting.PlotKind, tmp_path: Path) -> None:
    scene = scene_of("plots", pieces=("ab", "ro"))
    source = scene.add_frame()
    numbers = [column.name for column in source.table.columns if column.is_number]
    word = source.table.pick(scene.rng, number=False)
    code = kind.code(plotting.Columns(numbers[0], numbers[1], word, "sum"))
    with Workspace(tmp_path, Conversation((), frames=dict(scene.frames))) as workspace:
        call = Call("python_executor", {"code": plotting.plot_code(source, code)})
        assert workspace.run(call) == plotting.FIGURE


def test_a_chosen_file_is_in_the_listing() -> None:
    for number in range(200):
        found = listings.chain(scene_of(f"{number}", pieces=("ab", "ro")))
        listing = found.steps[0].result.split("\n")
        used = str(found.steps[1].call.arguments)
        assert any(path in used for path in listing)


def test_a_path_is_said_in_several_ways_and_called_in_one() -> None:
    said = {
        reading.said_path(scene_of(f"{number}", pieces=("ab", "ro")), "data/a b.csv")
        for number in range(100)
    }
    assert {"data\\a b.csv", "'data/a b.csv'", "./data/a b.csv", "data/a b.csv"} <= said
