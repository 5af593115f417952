"""The workloads service: names, owners, limits; the tables behind it are a double."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from notebook_agents.core.analytics import Table
from notebook_agents.core.core import Core
from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    NotPermitted,
    Unsupported,
)
from notebook_agents.core.users import Actor
from notebook_agents.core.workloads import (
    MAX_UPLOAD_BYTES,
    MAX_WORKLOADS,
    KeptTable,
    RegisterWorkload,
    Workload,
)
from notebook_agents.testing import fake_core

ANN = Actor(user_id="ann", username="ann")
BEN = Actor(user_id="ben", username="ben")
ROOT = Actor(user_id="root", username="root", is_admin=True)
KEPT = KeptTable(n_rows=1, columns=("gpu_type", "hours"))


class Tables:
    """Remembers ids."""

    def __init__(self) -> None:
        self.kept: set[str] = set()

    async def keep(self, owner_id: str, id: str, wish: RegisterWorkload) -> KeptTable:
        self.kept.add(id)
        return KEPT

    async def example(self) -> tuple[KeptTable, bytes]:
        return KEPT, b"example"

    async def preview(self, workload: Workload, limit: int) -> Table:
        return Table(columns=("row_number",), rows=((limit,),))

    async def remove(self, workload: Workload) -> None:
        self.kept.discard(workload.id)

    async def aclose(self) -> None: ...


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.fixture
def core(tables: Tables, tmp_path: Path) -> Core:
    return fake_core(home=tmp_path, workload_tables=tables)


async def made(core: Core, name: str = "mine", actor: Actor = ANN) -> Workload:
    wish = RegisterWorkload(name=name, content=b"gpu,hours\nL4,1\n", format="csv")
    return await core.workloads.register(actor, wish)


async def test_a_workload_is_found_by_every_form_of_its_id_and_by_its_name(core: Core) -> None:
    workload = await made(core, "May jobs")
    hex_id = uuid.UUID(workload.id).hex
    for reference in (workload.id, hex_id, f"wl-{hex_id}", f"wl_{hex_id}", " May jobs "):
        assert await core.workloads.get(ANN, reference) == workload


async def test_only_its_owner_and_admins_see_it(core: Core, tables: Tables) -> None:
    workload = await made(core)
    assert await core.workloads.get(ROOT, workload.id) == workload
    assert (await core.workloads.list(BEN)).total == 0
    for use in (core.workloads.get, core.workloads.preview, core.workloads.delete):
        for reference in (workload.id, "mine"):
            with pytest.raises(NotFound):
                await use(BEN, reference)
    assert tables.kept == {workload.id}


async def test_names_are_unique_per_owner(core: Core) -> None:
    await made(core)
    await made(core, actor=BEN)
    with pytest.raises(Conflict, match="'mine' already"):
        await made(core)


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 101, "a\nb", "recorded", "wl-example", "wl-" + "0" * 32]
)
async def test_a_name_that_cannot_be_is_refused(core: Core, tables: Tables, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await made(core, name)
    assert caught.value.details["field"] == "name"
    assert tables.kept == set()


async def test_deleting_removes_the_table(core: Core, tables: Tables) -> None:
    await made(core)
    await core.workloads.delete(ANN, "mine")
    assert tables.kept == set()
    assert (await core.workloads.list(ANN)).total == 0


async def test_the_example_can_be_read_by_everybody_and_changed_by_nobody(core: Core) -> None:
    assert (await core.workloads.get(BEN, "wl-example")).owner_id == ""
    with pytest.raises(NotPermitted):
        await core.workloads.delete(ROOT, "example")


async def test_limits(core: Core) -> None:
    wish = RegisterWorkload(name="big", content=b"x" * (MAX_UPLOAD_BYTES + 1), format="csv")
    with pytest.raises(InvalidRequest, match="at most 64 MiB"):
        await core.workloads.register(ANN, wish)
    for n in range(MAX_WORKLOADS):
        await made(core, f"w{n}")
    with pytest.raises(Conflict, match="delete one"):
        await made(core, "one more")
    with pytest.raises(InvalidRequest, match="limit must be from 1 to 1000"):
        await core.workloads.preview(ANN, "w1", limit=0)


async def test_a_core_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unsupported):
        await made(fake_core(home=tmp_path))
