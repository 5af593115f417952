"""A report as PDF, set by typst: no browser, no network, and no word of others read as markup.

The design is a fixed file that reads the document as JSON from a folder of its own. Fonts are those
of the machine and those in the library; characters that none of them has are told.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from notebook_agents.core.report_documents import ReportDocument
from notebook_agents.reports.layout import Layout, texts_of
from notebook_agents.reports.nodes import Node

MAX_PROBED = 4000
"""Different characters that are looked for in the fonts."""
NEVER_A_CHARACTER = "\U000ffffe"
NOTICE = (
    "This machine has no font for some characters of this report ({characters}), which are shown as"
    " boxes. The HTML form shows them; to have them here, install a font such as Noto Sans CJK on"
    " the server."
)
_PROBE = (
    '#set page(width: auto, height: auto, margin: 1pt)\n#let all = json("characters.json")\n'
    "#for c in all { page(text(c)) }"
)


def pdf(document: ReportDocument) -> bytes:
    """The report as a PDF."""
    return bytes(_compiled(document, "pdf"))


def pages(document: ReportDocument, *, ppi: float = 80) -> list[bytes]:
    """The pages as PNG pictures, to be looked at."""
    made: Any = _compiled(document, "png", ppi=ppi)
    return [made] if isinstance(made, bytes) else list(made)


def named_symbols(node: Any, missing: Sequence[str]) -> Any:
    """The tree with the names of symbols that have no shape, such as emoji."""
    if not missing:
        return node
    names = {
        ord(c): f"[{unicodedata.name(c, '').lower()}]" if unicodedata.category(c)[0] == "S" else ""
        for c in missing
        if _is_symbol(c)
    }
    return _translated(node, names)


def _compiled(document: ReportDocument, format: Literal["pdf", "png"], ppi: float = 80) -> Any:
    import typst

    layout = Layout()
    tree = layout.tree(document)
    with tempfile.TemporaryDirectory(prefix="na-report-") as folder:
        root = Path(folder)
        missing = _missing_characters(root, texts_of(tree))
        tree = named_symbols(tree, missing)
        boxes = [c for c in missing if not _is_symbol(c)]
        if boxes:
            shown = ", ".join(f"U+{ord(c):04X}" for c in boxes[:4])
            more = f" and {len(boxes) - 4:,} more" if len(boxes) > 4 else ""
            tree["notices"] = [*tree["notices"], NOTICE.format(characters=shown + more)]
        for name, content in layout.pictures.items():
            (root / name).write_bytes(content)
        source = root / "report.typ"
        source.write_text(_design(), encoding="utf-8")
        (root / "document.json").write_text(json.dumps(tree), encoding="utf-8")
        try:
            return typst.compile(str(source), root=folder, format=format, ppi=ppi)
        except typst.TypstError:
            if not layout.pictures:
                raise
            # A picture that cannot be read must not cost the report.
            (root / "document.json").write_text(json.dumps(_unpictured(tree)), encoding="utf-8")
            return typst.compile(str(source), root=folder, format=format, ppi=ppi)


def _design() -> str:
    return resources.files("notebook_agents.reports").joinpath("report.typ").read_text("utf-8")


def _missing_characters(root: Path, texts: Iterable[str]) -> Sequence[str]:
    """The characters that no font has: their shape is that of what is never a character."""
    import typst

    wanted = sorted({c for text in texts for c in text if ord(c) > 0x2FF})[:MAX_PROBED]
    if not wanted:
        return ()
    probe = root / "probe.typ"
    probe.write_text(_PROBE, encoding="utf-8")
    (root / "characters.json").write_text(json.dumps([NEVER_A_CHARACTER, *wanted]), "utf-8")
    made = typst.compile(str(probe), root=str(root), format="svg")
    none, *shapes = [_shape(page) for page in (made if isinstance(made, list) else [made])]
    return [c for c, shape in zip(wanted, shapes, strict=True) if shape == none]


def _shape(page: bytes) -> bytes:
    """The name of the first glyph on a page, which is made of its outline."""
    return page.partition(b'<symbol id="')[2].partition(b'"')[0]


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character)[0] in "SMC"


def _translated(node: Any, names: dict[int, str]) -> Any:
    if isinstance(node, str):
        return node.translate(names)
    if isinstance(node, list):
        return [_translated(value, names) for value in node]
    if isinstance(node, dict):
        return {key: _translated(value, names) for key, value in node.items()}
    return node


def _unpictured(node: Any) -> Node | Any:
    if isinstance(node, list):
        return [_unpictured(value) for value in node]
    if isinstance(node, dict):
        found = {key: _unpictured(value) for key, value in node.items()}
        return found | {"file": ""} if "file" in found else found
    return node
