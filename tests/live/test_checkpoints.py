"""What a run changed in the variables comes back, and what cannot come back is said before."""

from __future__ import annotations

import random
import sqlite3
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from notebook_agents.live.checkpoints import Cause, Checkpoints, Scope
from notebook_agents.live.checkpoints_changes import Undone

ALL = Scope()


class Notebook:
    """A namespace with checkpoints."""

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__", **names}
        self.checkpoints = Checkpoints(lambda: self.names, None)

    def run(self, code: str, scope: Scope = ALL) -> str:
        with self.checkpoints.around(scope, Cause(title=code.split("\n")[0])) as work:
            exec(code, self.names)  # noqa: S102 - our own code
        return work.note

    def undo(self, *, is_forced: bool = False) -> Undone:
        return self.checkpoints.undo(self.checkpoints.history()[0], is_forced=is_forced)

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


def test_added_names_go_removed_ones_come_back_and_changed_ones_are_as_before() -> None:
    notebook = Notebook(a=1, b="text", c=[1, 2])
    note = notebook.run("total = a + 1; a = 7; del b; c.append(3)")
    assert note == "added total; changed a, c; removed b (undo: %agent undo)"
    undone = notebook.undo()
    assert {name: notebook.names.get(name) for name in ("a", "b", "c", "total")} == {
        "a": 1,
        "b": "text",
        "c": [1, 2],
        "total": None,
    }
    assert (undone.restored, undone.removed) == (["a", "b", "c"], ["total"])
    assert not notebook.checkpoints.history()


def test_two_names_for_one_object_stay_two_names_for_one() -> None:
    rows = [1, 2]
    notebook = Notebook(rows=rows, alias=rows, holder={"rows": rows}, closure=lambda: rows)
    notebook.run("rows.append(3); rows = [0]")
    notebook.undo()
    assert notebook["rows"] == [1, 2]
    assert notebook["rows"] is notebook["alias"] is notebook["holder"]["rows"]
    assert notebook["closure"]() is notebook["rows"]


FRAME_CHANGES: dict[str, str] = {
    "a cell": "df.loc[0, 'n'] = 99",
    "a column more": "df['new'] = 1",
    "a column less": "del df['n']",
    "names of columns": "df.columns = ['x', 'y', 'z', 'w']",
    "the index": "df.index = [7, 8, 9]",
    "the order": "df.sort_values('n', ascending=False, inplace=True)",
    "text through its array": "df['t'].array[0] = 'changed'",
    "a nullable number through its array": "df['i'].array[0] = 8",
    "a list in a cell": "df['o'].iloc[0].append(5)",
    "the name": "df = df.head(1)",
    "attributes": "df.attrs['unit'] = 'CHF'",
}


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("code", FRAME_CHANGES.values(), ids=FRAME_CHANGES.keys())
def test_a_frame_is_as_before_whatever_was_done_to_it(code: str) -> None:
    def frame() -> pd.DataFrame:
        return pd.DataFrame(
            {
                "n": [3, 1, 2],
                "t": ["a", "b", "c"],
                "i": pd.array([1, None, 3], dtype="Int64"),
                "o": [[1], [2], [3]],
            }
        )

    original = frame()
    notebook = Notebook(df=original, same=original)
    assert "changed df" in notebook.run(code)
    notebook.undo()
    pd.testing.assert_frame_equal(notebook["df"], frame())
    assert notebook["df"].attrs == {}
    assert notebook["df"] is notebook["same"] is original


def test_a_frame_that_is_only_read_is_not_copied() -> None:
    frame = pd.DataFrame({"n": np.zeros(1_000_000)})
    notebook = Notebook(df=frame)
    notebook.checkpoints.limits.run_bytes = 1 << 20
    assert notebook.checkpoints.preview(ALL).unsaved == ()
    assert notebook.run("df['n'].sum()") == ""
    notebook.run("df.iloc[0, 0] = 1.0")
    notebook.undo()
    assert notebook["df"].iloc[0, 0] == 0.0


def test_arrays_are_written_back_so_that_views_see_it() -> None:
    array = np.arange(6).reshape(2, 3)
    notebook = Notebook(array=array, view=array[0], text=np.array(["a", "b"]))
    notebook.run("array += 1; text[0] = 'z'")
    notebook.undo()
    assert notebook["view"].tolist() == [0, 1, 2]
    assert notebook["array"] is array
    assert notebook["text"].tolist() == ["a", "b"]


def test_tensors_and_models_of_torch_are_as_before() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(2, 1)
    weights = layer.weight.detach().clone()
    notebook = Notebook(layer=layer, x=torch.ones(3), torch=torch, shared=layer.weight)
    notebook.run(
        "optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)\n"
        "layer(torch.ones(1, 2)).sum().backward(); optimizer.step(); x[0] = 5; layer.train(False)"
    )
    assert not torch.equal(layer.weight, weights)
    notebook.undo()
    assert torch.equal(notebook["layer"].weight, weights)
    assert notebook["shared"] is layer.weight
    assert notebook["layer"].weight.grad is None
    assert notebook["layer"].training
    assert notebook["x"].tolist() == [1, 1, 1]


def test_an_estimator_is_as_before_it_was_fitted_again() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    x, y = np.random.default_rng(1).random((40, 2)), [0, 1] * 20
    model = ensemble.RandomForestClassifier(3, random_state=1).fit(x, y)
    before = model.predict_proba(x)
    notebook = Notebook(model=model, x=x, y=y[::-1])
    assert notebook.checkpoints.preview(ALL).unsaved == ()
    notebook.run("model.fit(x[:5], y[:5])")
    assert not np.array_equal(model.predict_proba(x), before)
    notebook.undo()
    assert np.array_equal(notebook["model"].predict_proba(x), before)


CONTAINERS: dict[str, tuple[Callable[[], Any], str]] = {
    "nested": (lambda: {"a": [1, {"b": {2}}]}, "v['a'][1]['b'].add(3); v['a'].pop(0)"),
    "deque": (lambda: deque([1, 2], maxlen=2), "v.append(3)"),
    "ordered": (lambda: OrderedDict(a=1, b=2), "v.move_to_end('a')"),
    "default": (lambda: defaultdict(list), "v['new'].append(1)"),
    "order of a dict": (lambda: {"a": 1, "b": 2}, "v['a'] = v.pop('a')"),
    "bytes": (lambda: bytearray(b"abc"), "v[0] = 0"),
    "namespace": (lambda: SimpleNamespace(a=1), "v.a = 2; v.b = 3"),
    "a list in a tuple": (lambda: ([1],), "v[0].append(2)"),
    "series": (lambda: pd.Series([1, 2], name="s"), "v[0] = 9"),
    "random numbers": (lambda: np.random.default_rng(3), "v.random()"),
    "older random numbers": (lambda: np.random.RandomState(3), "v.random()"),
    "Python's random numbers": (lambda: random.Random(3), "v.random()"),  # noqa: S311
}


@pytest.mark.parametrize(("make", "code"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_a_container_has_its_contents_again(make: Callable[[], Any], code: str) -> None:
    value = make()
    notebook = Notebook(v=value)
    assert "changed v" in notebook.run(code)
    notebook.undo()
    assert notebook["v"] is value
    if hasattr(value, "random"):
        assert value.random() == make().random()
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(value, make())
    else:
        assert repr(value) == repr(make())


def test_objects_of_own_classes_have_their_attributes_again() -> None:
    notebook = Notebook()
    notebook.run(
        "class Account:\n    def __init__(self): self.rows = []\n"
        "class Slots:\n    __slots__ = ('a', 'b')\n"
        "account = Account(); slots = Slots(); slots.a = 1"
    )
    notebook.run("account.rows.append(1); account.name = 'x'; slots.b = 2; slots.a = 0")
    notebook.undo()
    assert vars(notebook["account"]) == {"rows": []}
    assert notebook["slots"].a == 1
    assert not hasattr(notebook["slots"], "b")


def test_objects_of_modules_in_the_working_folder_are_the_persons_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_module_of_mine.py").write_text("class Model:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    notebook = Notebook()
    notebook.run("import own_module_of_mine; model = own_module_of_mine.Model()")
    assert notebook.checkpoints.preview(ALL).text == ""
    notebook.run("model.layers = [1]")
    notebook.undo()
    assert vars(notebook["model"]) == {}


def test_a_figure_of_plotly_has_its_traces_and_layout_again() -> None:
    graphs = pytest.importorskip("plotly.graph_objects")
    figure = graphs.Figure(graphs.Scatter(x=[1, 2], y=[3, 4]))
    before = figure.to_json()
    notebook = Notebook(figure=figure, graphs=graphs)
    notebook.run(
        "figure.add_trace(graphs.Bar(y=[1])); figure.update_layout(title='t');"
        " figure.data[0].x = [5, 6]"
    )
    notebook.undo()
    assert figure.to_json() == before
    figure.add_trace(graphs.Bar(y=[1]))
    assert len(figure.data) == 2


def test_a_structure_that_holds_itself_is_kept() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    notebook = Notebook(loop=loop)
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    notebook.names["deep"] = deep
    notebook.run("loop.append(2); deep.append(1)")
    notebook.undo()
    assert len(loop) == 2
    assert loop[1] is loop
    assert len(deep) == 1


def test_what_cannot_be_saved_is_named_with_its_reason(tmp_path: Path) -> None:
    with (tmp_path / "f.txt").open("w") as file, sqlite3.connect(":memory:") as connection:
        notebook = Notebook(
            file=file,
            rows=(n for n in range(3)),
            db=connection,
            settings={"out": file},
            plain=[1],
            number=1,
        )
        coverage = notebook.checkpoints.preview(ALL)
        said = {entry.name: entry.reason for entry in coverage.unsaved}
        assert said == {
            "file": "an open file",
            "rows": "a generator",
            "db": "a database connection",
            "settings": "holds an open file",
        }
        assert coverage.saved == ("plain",)
        assert coverage.text.startswith("changes inside these cannot be undone: db (a database")
        assert notebook.checkpoints.preview(Scope(names=frozenset({"plain"}))).text == ""
    connection.close()


def test_a_name_that_was_bound_anew_comes_back_even_where_contents_cannot() -> None:
    rows = (n for n in range(3))
    notebook = Notebook(rows=rows)
    notebook.run("rows = None")
    notebook.undo()
    assert notebook["rows"] is rows


def test_what_is_too_large_is_not_copied_and_is_said() -> None:
    notebook = Notebook(big=np.zeros(200_000), small=np.zeros(3))
    notebook.checkpoints.limits.run_bytes = 1 << 20
    [entry] = notebook.checkpoints.preview(ALL).unsaved
    assert str(entry) == "big (too large: 1.53 MB)"
    notebook.run("big[0] = 1; small[0] = 1")
    undone = notebook.undo()
    assert (notebook["big"][0], notebook["small"][0]) == (1, 0)
    assert undone.failures == ["what changed inside big (too large: 1.53 MB)"]


def test_beyond_all_room_the_oldest_change_is_given_up() -> None:
    notebook = Notebook(array=np.zeros(20_000))
    notebook.checkpoints.limits.total_bytes = 800_000
    for _ in range(4):
        notebook.run("array += 1")
    assert [change.number for change in notebook.checkpoints.history()] == [4, 3]
    assert notebook.checkpoints.n_dropped == 2


def test_what_the_person_changed_since_stays_unless_forced() -> None:
    notebook = Notebook(a=1, rows=[1], kept=[0])
    notebook.run("a = 2; rows.append(2); kept.append(1); total = []")
    notebook.names["a"] = 3
    notebook["rows"].append(3)
    notebook["total"].append("mine")
    undone = notebook.undo()
    assert undone.conflicts == ["a", "rows", "total"]
    assert (notebook["a"], notebook["rows"], notebook["total"]) == (3, [1, 2, 3], ["mine"])
    assert notebook["kept"] == [0]
    assert notebook.undo(is_forced=True).conflicts == []
    assert (notebook["a"], notebook["rows"]) == (1, [1])
    assert "total" not in notebook.names


def test_an_undo_can_be_taken_back() -> None:
    notebook = Notebook(a=1, rows=[1], gone="here")
    notebook.run("a = 2; rows.append(2); new = 5; del gone")
    rows = notebook["rows"]
    notebook.undo()
    redone = notebook.checkpoints.redo()
    assert redone is not None
    assert (notebook["a"], notebook["rows"], notebook["new"]) == (2, [1, 2], 5)
    assert notebook["rows"] is rows
    assert "gone" not in notebook.names
    notebook.undo()
    assert (notebook["a"], notebook["gone"]) == (1, "here")
    assert "new" not in notebook.names


def test_several_changes_are_taken_back_in_turn() -> None:
    notebook = Notebook(rows=[0])
    for number in (1, 2, 3):
        notebook.run(f"rows.append({number})")
    notebook.undo()
    notebook.undo()
    assert notebook["rows"] == [0, 1]


def test_what_was_changed_until_it_failed_can_be_taken_back() -> None:
    notebook = Notebook(rows=[0])
    with pytest.raises(ZeroDivisionError):
        notebook.run("rows.append(1); 1 / 0")
    notebook.undo()
    assert notebook["rows"] == [0]


def test_the_history_of_ipython_is_left_alone() -> None:
    notebook = Notebook(Out={}, In=["a"], _=1, _i="a", _3=2)
    assert notebook.run("Out[1] = 2; In.append('b'); _ = 2; _i = 'b'; _3 = 9; _4 = 1") == ""
    assert not notebook.checkpoints.history()


@dataclass
class Strange:
    """Cannot be compared or copied."""

    def __eq__(self, _other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


def test_objects_with_hostile_methods_do_no_harm() -> None:
    notebook = Notebook(strange=Strange(), frame=pd.DataFrame({"o": [Strange()]}), n=1)
    notebook.run("n = 2")
    notebook.undo()
    assert notebook["n"] == 1
