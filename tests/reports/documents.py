"""Documents for the forms to be made of, and what hostile people would write into them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from datetime import UTC, datetime
from typing import Any

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.core.report_documents import (
    Block,
    Enclosure,
    Entry,
    Fact,
    Grid,
    Picture,
    Plain,
    Prose,
    ReportDocument,
    Source,
    Use,
)

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
HOSTILE = (
    '#panic("typst") #read("/etc/passwd") $x$ @ref <label> \\ "quoted" // comment\n'
    '#import "@preview/x:0.1.0": * #{ 1 } `#eval("1")` ]]) */ \u202egnp.exe \x1b[31mred\x1b[0m\n\n'
    "<script>alert(1)</script><img src=x onerror=alert(1)> ![p](https://evil.example/p.png)\n\n"
    "[click](javascript:alert(1)) [file](file:///etc/passwd) <https://example.org/> "
    '<javascript:alert(1)> [ok](https://example.org/?a=1&b="2")\n\n'
    "</pre></code></style></title>--></details> &lt;b&gt; &#60;b&#62;\n\n"
    "```\n``` ````\n~~~\n\n| a | b |\n|--|--|\n| <b>x</b> | `|` |\n"
)


def png(width: int = 20, height: int = 10) -> bytes:
    """A picture."""
    rows = b"".join(b"\0" + bytes([200, 90, 40]) * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def picture(content: bytes, label: str = "a picture") -> Picture:
    return Picture(media_type=PNG, content=base64.b64encode(content).decode(), label=label)


def plotly(*traces: Any, label: str = "a chart", **layout: Any) -> Picture:
    content = json.dumps({"data": traces, "layout": layout})
    return Picture(media_type=PLOTLY, content=content, label=label)


BARS = plotly({"type": "bar", "x": ["north", "south"], "y": [3, 4]}, title={"text": "By region"})


def document(*blocks: Block, title: str = "Revenue by region", **more: Any) -> ReportDocument:
    given: dict[str, Any] = {
        "facts": (Fact(name="Agent", value="Analyst"),),
        "metrics": (Fact(name="Messages", value="2"), Fact(name="Cost", value="unknown")),
        "details": Grid(columns=("Reply", "Time"), rows=(("1", "1.2 s"),)),
        "entries": (
            Entry(
                role="user", at=AT, blocks=(Prose(text="first line\nsecond", keeps_breaks=True),)
            ),
            Entry(role="assistant", at=AT, blocks=blocks, note="tiny · 1.2 s"),
        ),
    }
    return ReportDocument(
        kind="conversation", title=title, subject_id="0198", made_at=AT, **(given | more)
    )


def everything() -> ReportDocument:
    """Every kind of block."""
    wide = Grid(
        columns=tuple(f"column {n}" for n in range(16)),
        rows=tuple(tuple(f"{n * k}.5" for n in range(16)) for k in range(3)),
        n_left_out=7,
    )
    return document(
        Use(
            name="python_executor",
            arguments={"code": "print(1)", "timeout": 30},
            status="succeeded",
            duration_ms=1234.0,
            answer=(Plain(text="  a  b\n  1  2"), BARS, picture(png())),
        ),
        Use(name="shell", arguments={"command": "ls"}, status="timed_out", answer=()),
        Prose(text="## Heading\n\nText with **bold**, `code` and [a link](https://example.org/x).\n\n"
              "1. one\n2. two\n   - nested\n\n> quoted\n\n---\n\n| a | b |\n|--|--:|\n| x | 1 |"),
        Plain(text="Traceback: it failed", is_error=True),
        Source(text="SELECT 1", language="sql"),
        Enclosure(name="sales.csv", kind="file", size_bytes=1234),
        wide,
        notices=("Something was left out.",),
    )  # fmt: skip


def hostile() -> ReportDocument:
    """Every place for words of others, filled with what should not work."""
    answer = (Plain(text=HOSTILE, is_error=True), picture(png(), label=HOSTILE))
    return document(
        Prose(text=HOSTILE),
        Prose(text=HOSTILE, keeps_breaks=True),
        Plain(text=HOSTILE),
        Source(text=HOSTILE, language='python"); #panic("x")'),
        Use(name=HOSTILE, arguments={HOSTILE: HOSTILE, "code": HOSTILE}, status="failed",
            answer=answer),
        Grid(columns=(HOSTILE, "b"), rows=((HOSTILE, HOSTILE),), n_left_out=1),
        Enclosure(name=HOSTILE, kind=HOSTILE, size_bytes=1),
        plotly({"type": "bar", "name": HOSTILE, "x": [HOSTILE], "y": [1]}, title={"text": HOSTILE},
               label=HOSTILE),
        plotly({"type": "heatmap", "name": HOSTILE, "x": [HOSTILE], "z": [1]}, label=HOSTILE),
        title=HOSTILE,
        facts=(Fact(name=HOSTILE, value=HOSTILE),),
        metrics=(Fact(name=HOSTILE, value=HOSTILE, hint=HOSTILE),),
        notices=(HOSTILE,),
    )  # fmt: skip
