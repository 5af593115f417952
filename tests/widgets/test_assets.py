"""The widgets' modules as one text each: small, whole, typed, and with their licences."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from notebook_agents.widgets import assets
from notebook_agents.widgets.assets import STATIC, css, esm

HERE = Path(__file__).parent
MAX_BYTES = 250_000
TSC = HERE / "node_modules" / "typescript" / "bin" / "tsc"


def node() -> str:
    executable = shutil.which("node")
    if executable is None:
        pytest.skip("no node")
    return executable


def run(tmp_path: Path, text: str) -> str:
    module = tmp_path / "joined.mjs"
    module.write_text(text, encoding="utf-8")
    script = f"import widget from {module.as_uri()!r}; console.log(typeof widget.render);"
    command = [node(), "--input-type=module", "--eval", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_chat_is_one_module_that_imports_nothing(tmp_path: Path) -> None:
    text = esm("chat")
    assert len(text.encode()) < MAX_BYTES
    assert re.findall(r"^\s*import\b.*", text, re.MULTILINE) == []
    assert len(re.findall(r"^export\b", text, re.MULTILINE)) == 1
    assert "sourceMappingURL" not in text
    assert run(tmp_path, text) == "function"


def test_each_file_is_in_the_module_once() -> None:
    scopes = re.findall(r"^const (module_\w+) =", esm("chat"), re.MULTILINE)
    assert len(scopes) == len(set(scopes))
    assert scopes.index("module_vendor_marked") < scopes.index("module_markdown")


def test_styles_are_one_text_that_loads_nothing() -> None:
    text = css("chat")
    assert "@import" not in text
    assert "url(" not in text
    assert text.count(".na-root[data-theme=") > 0


def test_names_of_one_file_do_not_meet_those_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "first": "const own = 1;\nexport function one() {\n  return own;\n}\n",
        "second": 'import { one as first } from "./first.js";\nconst own = 2;\n'
        "export const two = () => own + first();\nconst other = 3;\nexport { other as third };\n",
        "entry": 'import { one } from "./first.js";\n'
        'import {\n  third,\n  two,\n} from "./second.js";\n'
        "const widget = { render: () => [one(), two(), third] };\nexport default widget;\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    joined = tmp_path / "joined.mjs"
    joined.write_text(assets.esm.__wrapped__("entry"), encoding="utf-8")
    script = f"import widget from {joined.as_uri()!r}; console.log(widget.render().join());"
    command = [node(), "--input-type=module", "--eval", script]
    given = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert given.strip() == "1,3,3"


@pytest.mark.parametrize(
    "text",
    ['import "./other.js";', 'export * from "./other.js";', 'import * as x from "./other.js";'],
)
def test_forms_that_cannot_be_joined_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "other.js").write_text("export const x = 1;\n", encoding="utf-8")
    (tmp_path / "entry.js").write_text(f"{text}\n", encoding="utf-8")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    with pytest.raises(AssertionError, match=r"entry\.js imports or exports in a form"):
        assets.esm.__wrapped__("entry")


def test_circle_of_imports_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        text = f'import {{ {other} }} from "./{other}.js";\nexport const {name} = 1;\n'
        (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    with pytest.raises(AssertionError, match="imports itself"):
        assets.esm.__wrapped__("a")


def test_notice_names_every_vendored_file_with_its_version_and_licence() -> None:
    vendor = STATIC / "vendor"
    notice = (vendor / "NOTICE.md").read_text(encoding="utf-8")
    for path in vendor.glob("*.js"):
        name = re.sub(r"^highlight_\w+", "highlight_LANGUAGE", path.stem)
        row = next(line for line in notice.splitlines() if f"`{name}.js`" in line)
        version, licence = row.split("|")[3:5]
        stated = re.search(r"v?(\d+\.\d+\.\d+)", path.read_text(encoding="utf-8")[:400])
        assert stated is not None
        assert stated[1] == version.strip()
        (file,) = re.findall(r"`([^`]+\.LICENSE\.txt)`", licence)
        assert (vendor / file).is_file()
    for path in vendor.glob("*.js"):
        assert "sourceMappingURL" not in path.read_text(encoding="utf-8")


def test_parts_without_a_page_do_what_their_tests_say() -> None:
    tests = sorted(str(path) for path in (HERE / "front_end").glob("*.test.js"))
    assert tests
    command = [node(), "--test", *tests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_types_in_the_comments_hold() -> None:
    executable = node()
    if not TSC.exists():
        pytest.skip("no typescript: npm ci --prefix tests/widgets")
    command = [executable, str(TSC), "--project", str(HERE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
