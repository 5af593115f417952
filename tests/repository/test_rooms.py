"""The contracts of pyproject.toml are tried on a miniature of the project.

import-linter is silent about a rule that can never fire, so every contract gets an import that it
must refuse, beside the imports that the table of rooms allows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "notebook_agents": ROOT / "src/notebook_agents",
    "notebook_agents_server": ROOT / "jupyter_extension/notebook_agents_server",
}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

ALLOWED = {
    "notebook_agents": "",
    "notebook_agents.confinement": "",
    "notebook_agents.core": "",
    "notebook_agents.core.errors": "import pydantic",
    "notebook_agents.core.runs": "import notebook_agents.core.errors",
    "notebook_agents.analytics": "import duckdb, notebook_agents.core.runs",
    "notebook_agents.attachments": "",
    "notebook_agents.attachments.pdf": "import duckdb, pypdf, docx, notebook_agents.core.runs",
    "notebook_agents.engine": "",
    "notebook_agents.engine.model": "import torch, transformers, notebook_agents.core.runs",
    "notebook_agents.engine.training": "",
    "notebook_agents.engine.training.execution": (
        "import notebook_agents.tools.reading, notebook_agents.tools.inspecting"
    ),
    "notebook_agents.engine.training.product": "import notebook_agents.build",
    "notebook_agents.eventlog": "import notebook_agents.core.runs",
    "notebook_agents.mcp": "",
    "notebook_agents.mcp.host": "import mcp, httpx2, notebook_agents.core.runs",
    "notebook_agents.optimization": "import duckdb, pandas, notebook_agents.core.runs",
    "notebook_agents.outbound": "",
    "notebook_agents.outbound.transport": "import httpx2, notebook_agents.core.errors",
    "notebook_agents.pricing": "",
    "notebook_agents.pricing.genai": "import genai_prices, notebook_agents.core.runs",
    "notebook_agents.providers": "",
    "notebook_agents.providers.engine": "import pydantic_ai, notebook_agents.core.runs",
    "notebook_agents.reports": "",
    "notebook_agents.reports.pdf": "import typst, markdown_it, notebook_agents.core.runs",
    "notebook_agents.relay": "import redis, notebook_agents.core.runs",
    "notebook_agents.sandbox": (
        "import jupyter_client, notebook_agents.confinement, notebook_agents.core.runs"
    ),
    "notebook_agents.store": "",
    "notebook_agents.store.store": "import sqlalchemy, notebook_agents.core.runs",
    "notebook_agents.tasks": "",
    "notebook_agents.tasks.child": "import papermill, simpleeval, notebook_agents.core.runs",
    "notebook_agents.telemetry": "",
    "notebook_agents.telemetry.otlp": "import opentelemetry, notebook_agents.core.runs",
    "notebook_agents.tools": "import duckdb, notebook_agents.core.runs",
    "notebook_agents.tools.inspecting": "",
    "notebook_agents.tools.reading": "",
    "notebook_agents.webhooks": "import httpx2, joserfc, notebook_agents.core.runs",
    "notebook_agents.client": "",
    "notebook_agents.client.client": "import httpx2, notebook_agents.core.errors",
    "notebook_agents.testing": "import notebook_agents.core.runs",
    "notebook_agents.dashboards": "import notebook_agents.core.runs",
    "notebook_agents.deployment": "import jupyter_core, notebook_agents.core.runs",
    "notebook_agents.build_log": "import notebook_agents.eventlog, notebook_agents.core.runs",
    "notebook_agents.build": "import notebook_agents.engine.model, notebook_agents.store.store",
    "notebook_agents.live": "import notebook_agents.core.runs",
    "notebook_agents.magics": (
        "import notebook_agents.build, notebook_agents.client.client, notebook_agents.live"
    ),
    "notebook_agents.widgets": "import notebook_agents.magics, notebook_agents.live",
    "notebook_agents_server": "",
    "notebook_agents_server.account_commands": "import notebook_agents.build",
    "notebook_agents_server.app": "import notebook_agents.build, notebook_agents_server.dialects",
    "notebook_agents_server.base": "import tornado, notebook_agents.core.errors",
    "notebook_agents_server.doctor_app": "import notebook_agents.build",
    "notebook_agents_server.config": "import traitlets, notebook_agents.build",
    "notebook_agents_server.sockets": "import tornado, notebook_agents_server.base",
    "notebook_agents_server.dialects": "",
    "notebook_agents_server.dialects.one": "",
    "notebook_agents_server.dialects.one.wire": "import pydantic",
    "notebook_agents_server.dialects.one.mapping": "import notebook_agents.core.runs",
    "notebook_agents_server.dialects.one.tool_mapping": "",
    "notebook_agents_server.dialects.one.routes": "import tornado, notebook_agents_server.base",
    "notebook_agents_server.dialects.two": "",
    "notebook_agents_server.dialects.two.mapping": "import notebook_agents.core.errors",
    "notebook_agents_server.dialects.shared_routes": (
        "import notebook_agents_server.dialects.one.mapping"
    ),
}

REFUSED = [
    ("layers", "notebook_agents.core.errors", "notebook_agents.tools"),
    ("layers", "notebook_agents.sandbox", "notebook_agents.store.store"),
    ("layers", "notebook_agents.build", "notebook_agents.magics"),
    ("layers", "notebook_agents.live", "notebook_agents.magics"),
    ("adapters", "notebook_agents.live", "notebook_agents.sandbox"),
    ("layers", "notebook_agents.relay", "notebook_agents.eventlog"),
    ("layers", "notebook_agents.pricing", "notebook_agents.store.store"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.pricing"),
    ("libraries", "notebook_agents.relay", "genai_prices"),
    ("core", "notebook_agents.core.runs", "redis"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.relay"),
    ("layers", "notebook_agents.webhooks", "notebook_agents.store.store"),
    ("layers", "notebook_agents.reports", "notebook_agents.eventlog"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.reports"),
    ("libraries", "notebook_agents.tools", "typst"),
    ("layers", "notebook_agents.telemetry", "notebook_agents.eventlog"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.telemetry"),
    ("libraries", "notebook_agents.eventlog", "opentelemetry"),
    ("layers", "notebook_agents.mcp", "notebook_agents.outbound.transport"),
    ("layers", "notebook_agents.webhooks", "notebook_agents.outbound.transport"),
    ("layers", "notebook_agents.outbound", "notebook_agents.tools"),
    ("layers", "notebook_agents.deployment", "notebook_agents.build"),
    ("layers", "notebook_agents.dashboards", "notebook_agents.widgets"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.outbound.transport"),
    ("layers", "notebook_agents.providers", "notebook_agents.pricing"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.providers"),
    ("libraries", "notebook_agents.tools", "openai"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.mcp"),
    ("core", "notebook_agents.core.runs", "mcp"),
    ("libraries", "notebook_agents.tools", "mcp"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.webhooks"),
    ("core", "notebook_agents.core.runs", "tornado"),
    ("core", "notebook_agents.core.runs", "sqlalchemy"),
    ("adapters", "notebook_agents.magics", "notebook_agents.engine.model"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.tasks"),
    ("libraries", "notebook_agents.sandbox", "papermill"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.store.store"),
    ("adapters", "notebook_agents.testing", "notebook_agents.eventlog"),
    ("layers", "notebook_agents.optimization", "notebook_agents.tools"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.optimization"),
    ("build", "notebook_agents_server.base", "notebook_agents.build"),
    ("build", "notebook_agents_server.dialects.one.routes", "notebook_agents.build"),
    ("libraries", "notebook_agents.tools", "torch"),
    ("libraries", "notebook_agents_server.base", "transformers"),
    ("libraries", "notebook_agents.tools", "openpyxl"),
    ("libraries", "notebook_agents.attachments", "torch"),
    ("adapters", "notebook_agents_server.base", "notebook_agents.attachments"),
    ("libraries", "notebook_agents.eventlog", "sqlalchemy"),
    ("client", "notebook_agents.client.client", "notebook_agents.core.runs"),
    ("client", "notebook_agents.client.client", "tornado"),
    ("library", "notebook_agents.magics", "notebook_agents_server.base"),
    ("library", "notebook_agents.tools", "jupyter_server"),
    ("server", "notebook_agents_server.app", "notebook_agents.magics"),
    ("server", "notebook_agents_server.config", "notebook_agents.client.client"),
    ("dialects", "notebook_agents_server.dialects.one.routes", "notebook_agents_server.config"),
    ("dialects-independent", "notebook_agents_server.dialects.one.routes",
     "notebook_agents_server.dialects.two.mapping"),
    ("wire", "notebook_agents_server.dialects.one.wire", "tornado"),
    ("wire", "notebook_agents_server.dialects.one.mapping", "notebook_agents_server.base"),
    ("wire", "notebook_agents_server.dialects.one.tool_mapping", "jupyter_server"),
]  # fmt: skip


def write_miniature(root: Path, modules: Mapping[str, str]) -> None:
    """Lay the modules out as files; one that others are inside of becomes a package."""
    for name, text in modules.items():
        is_package = name.count(".") < 1 or any(m.startswith(f"{name}.") for m in modules)
        path = root / name.replace(".", "/")
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def lint(root: Path, *arguments: str) -> str:
    """The report of import-linter on a miniature."""
    shutil.copy(ROOT / "pyproject.toml", root)
    lint_imports = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint_imports, "--no-logo", "--no-cache", *arguments],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "400"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return re.sub(r"\x1b\[[0-9;]*m", "", run.stdout + run.stderr)


def test_contracts_keep_what_the_table_allows(tmp_path: Path) -> None:
    write_miniature(tmp_path, ALLOWED)
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in lint(tmp_path)


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_contract_refuses_what_was_planted(tmp_path: Path, contract: str) -> None:
    planted = [(importer, imported) for id, importer, imported in REFUSED if id == contract]
    assert planted, f"plant an import that {contract!r} refuses"
    modules = dict(ALLOWED)
    for importer, imported in planted:
        modules[importer] += f"\nimport {imported}"
    write_miniature(tmp_path, modules)
    report = lint(tmp_path, "--contract", contract)
    assert [f"{a} -> {b}" for a, b in planted if f"{a} -> {b}" not in report] == []


def test_layers_refuse_a_room_without_a_place(tmp_path: Path) -> None:
    write_miniature(tmp_path, {**ALLOWED, "notebook_agents.attic": ""})
    assert "notebook_agents.attic" in lint(tmp_path, "--contract", "layers")


def test_every_adapter_of_the_layers_is_behind_build() -> None:
    layers, adapters = (next(c for c in CONTRACTS if c["id"] == i) for i in ("layers", "adapters"))
    rooms = re.findall(r"\w+", layers["layers"][-2])
    existing = {room for room in rooms if (SOURCES["notebook_agents"] / room).is_dir()}
    protected = {name.removeprefix("notebook_agents.") for name in adapters["protected_modules"]}
    assert protected == existing - {"client"}
