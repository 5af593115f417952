"""Kernels of a provisioner that the administrator names are used up to the level it declares."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from notebook_agents.core.errors import SandboxUnavailable

from .conftest import MakeBench

GROUP = "jupyter_client.kernel_provisioners"


class ConfiningProvisioner(LocalProvisioner):
    """Stands for one whose kernels run in a machine of their own."""


@pytest.fixture
def confining() -> str:
    """The name under which it is installed."""
    name = "confining-test"
    point = EntryPoint(name, f"{__name__}:{ConfiningProvisioner.__name__}", GROUP)
    KernelProvisionerFactory.instance().provisioners[name] = point
    return name


async def test_kernels_of_the_declared_level_are_the_provisioners(make_bench: MakeBench) -> None:
    bench = make_bench("low", remote="local-provisioner", remote_level="low")
    report = (await bench.sandbox.levels())[0]
    assert (report.backend, report.is_available) == ("remote", True)
    outcome = await bench.run("import os; x = 1; print(os.getcwd())")
    assert (outcome.output, outcome.backend) == (f"{bench.call.workspace}\n", "remote")
    assert outcome.memory_enforcement == "remote"
    assert (await bench.run("x + 1")).output == "2\n"


async def test_messages_to_a_provisioners_kernel_are_encrypted(make_bench: MakeBench) -> None:
    bench = make_bench("low", remote="local-provisioner")
    code = "from ipykernel.kernelapp import IPKernelApp as A; a = A.instance(); "
    outcome = await bench.run(f"{code} a.transport, bool(a.session.key)")
    assert outcome.output == "('tcp', True)\n"
    assert (await bench.run("a.shell_socket.curve_server")).output in ("1\n", "True\n")


async def test_a_level_above_the_declared_one_is_enforced_here(
    make_bench: MakeBench, medium_works: None
) -> None:
    bench = make_bench("medium", remote="local-provisioner", remote_level="low")
    assert (await bench.run("1")).backend == "namespaces"


async def test_a_provisioner_may_be_declared_to_confine(
    make_bench: MakeBench, confining: str
) -> None:
    bench = make_bench("medium", remote=confining, remote_level="medium", timeout_s=1)
    outcome = await bench.run("1 + 1")
    assert (outcome.output, outcome.enforced_level) == ("2\n", "medium")
    assert outcome.backend == "remote"
    deaf = """
import time
while True:
    try: time.sleep(10)
    except BaseException: pass
"""
    stopped = await bench.run(deaf)
    assert (stopped.reason, stopped.kernel_kept) == ("TIMEOUT", False)
    assert (await bench.run("'again'")).output == "'again'\n"


async def test_the_end_of_a_provisioners_kernel_is_noticed(make_bench: MakeBench) -> None:
    bench = make_bench("low", remote="local-provisioner")
    assert (await bench.run("import os; os._exit(3)")).reason == "KERNEL_LOST"


async def test_a_provisioner_that_is_not_installed_is_refused(make_bench: MakeBench) -> None:
    bench = make_bench("low", remote="nobody-has-it")
    with pytest.raises(SandboxUnavailable, match="nobody-has-it"):
        await bench.run("1")
