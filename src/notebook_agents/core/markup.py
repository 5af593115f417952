"""Reads HTML of strangers with the standard library's parser, in time that grows with its length.

The parser looks at a tag that has no end yet anew with each piece that it is fed, and at the end of
the text once more from every ``<`` in it: half a megabyte of ``<a <a <a`` would take an hour.
Browsers leave out a tag that never ends, and so it is here. It also gives up at a ``<![`` that it
does not know; to browsers that is a comment.
"""

from __future__ import annotations

from html.parser import HTMLParser

STEP_CHARS = 100_000


def read_markup(parser: HTMLParser, markup: str) -> None:
    """Feed a parser all of a page."""
    markup = markup.replace("<![", "<! [")
    place = 0
    while place < len(markup):
        # As much again as is waiting, so that nothing is looked at more than a few times.
        step = max(STEP_CHARS, len(parser.rawdata))
        parser.feed(markup[place : place + step])
        place += step
    if not parser.rawdata.startswith("<"):
        parser.close()
