"""A page of HTML made of an executed notebook; it runs nothing and asks nothing of the network."""

from __future__ import annotations

from typing import Any

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:;'
    " font-src data:; style-src 'unsafe-inline'; form-action 'none'\">"
)
"""What a notebook shows may be anybody's: whoever opens the page must only see it."""


def page_of(book: Any) -> str:
    """The page; all that it shows is inside it."""
    from nbconvert.exporters.html import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        require_js_url="",
        mathjax_url="",
        mermaid_js_url="",
        jupyter_widgets_base_url="",
        widget_renderer_url="",
    )
    body, _resources = exporter.from_notebook_node(book)
    head, tag, rest = str(body).partition("<head>")
    return head + tag + _POLICY + rest
