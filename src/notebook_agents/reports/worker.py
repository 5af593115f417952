"""Makes one report in a process of its own: the document on stdin, its form on stdout.

What people, models and tools wrote is parsed and set here, with limits that the system enforces, so
that a document that takes forever or too much costs this process and nothing else.
"""

from __future__ import annotations

import resource
import sys

from notebook_agents.core.report_documents import ReportDocument, document_from_json
from notebook_agents.reports.notebooks import with_cells

MEMORY_BYTES = 4 << 30
"""Of address space, most of which fonts and libraries only reserve."""
FILE_BYTES = 256 << 20
TOO_LARGE = 3
"""Exit code for a report that has more bytes than it may have."""


def make(document: ReportDocument, format: str) -> bytes:
    """The document in a form; needs markdown-it-py, and for ``pdf`` typst."""
    from notebook_agents.reports.html import html
    from notebook_agents.reports.ipynb import ipynb
    from notebook_agents.reports.markdown import as_json, markdown
    from notebook_agents.reports.pdf import pdf

    if format == "ipynb":
        return ipynb(document)
    forms = {"pdf": pdf, "html": html, "markdown": markdown, "json": as_json}
    return forms[format](with_cells(document))


def main() -> None:
    """Read, make, write what is not too large."""
    format, seconds, max_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content = make(document_from_json(sys.stdin.buffer.read()), format)
    if len(content) > max_bytes:
        sys.exit(TOO_LARGE)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
