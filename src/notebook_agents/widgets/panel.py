"""What all panels share: plain ipywidgets above, and a copy that needs no kernel below.

A panel that is displayed makes two outputs. The second is HTML and text of what it shows, which is
what remains in a saved notebook, on GitHub and after nbconvert. A panel that lives hides its
copy with a rule of CSS that only its own view brings along. Where nobody can press a button
(papermill, nbclient) the copy is all there is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

import ipywidgets

from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.spawn import Supervisor
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.waiting import Waits, await_on, block_on, until

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.dashboards.tables import Table
    from notebook_agents.magics.session import Session

CLASS = "notebook-agents-panel"
STATIC_CLASS = "notebook-agents-static"
STILL = ".jp-Notebook:not([data-voila]), :has(> #notebook-container)"
"""The body of a page of nbconvert's or nbviewer's, where a saved panel has no kernel."""
WIDE = {"width": "auto"}
"""As wide as the panel, with the margins of controls inside."""
LABELS = {"description_width": "130px"}
CSS = f"""
.{CLASS} {{ padding: 4px 8px; }}
.{CLASS} h3 {{ margin: 4px 0; font-size: 1.1em; }}
.{CLASS} h4 {{ margin: 2px 0; }}
.{CLASS} h4 + p {{ margin: 0 0 4px; font-size: 0.92em; }}
.{CLASS} table {{ border-collapse: collapse; margin: 4px 0; font-size: 0.92em; }}
.{CLASS} caption {{ text-align: left; font-weight: 600; }}
.{CLASS} th, .{CLASS} td {{ padding: 1px 10px 1px 0; vertical-align: top; line-height: 1.45; }}
.{CLASS} th {{ text-align: left; border-bottom: 1px solid var(--jp-border-color1, #888); }}
.{CLASS} pre {{ white-space: pre-wrap; margin: 2px 0; font-size: 0.92em; line-height: 1.4; }}
.{CLASS} a {{ color: var(--jp-content-link-color, #0b5cb8); text-decoration: underline; }}
.{CLASS} .widget-html-content {{ line-height: 1.45; }}
.{CLASS} .na-bad {{ color: var(--jp-error-color0, #b3161f); }}
.{CLASS} .na-dim {{ color: var(--jp-ui-font-color1, inherit); opacity: 0.85; }}
.{CLASS} .na-tiles {{ display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0; padding: 0; }}
.{CLASS} .na-tile {{ border: 1px solid var(--jp-border-color1, #888); border-radius: 6px;
  padding: 4px 10px; min-width: 96px; }}
.{CLASS} .na-tile b {{ display: block; font-size: 1.25em; }}
.{CLASS} .na-group {{ margin: 14px 0 2px; border-bottom: 1px solid var(--jp-border-color2, #ccc); }}
.{CLASS} .na-card {{ border: 1px solid var(--jp-border-color2, #ccc); border-radius: 6px;
  padding: 4px 8px; min-width: 0; }}
.{CLASS} .na-code textarea {{ font-family: var(--jp-code-font-family, monospace); }}
.{CLASS} .na-opened {{ display: flex; gap: 12px; align-items: center; }}
.{CLASS} .na-opened button {{ width: auto; }}
.{CLASS} .na-live {{ display: inline-flex; gap: 4px; align-items: center; padding: 0 8px; }}
.{CLASS} .na-live[data-state="running"] {{ font-weight: 600; }}
.{CLASS} .na-listbox select {{ font-family: var(--jp-code-font-family, monospace); }}
.{CLASS} .js-plotly-plot svg text {{ fill: var(--jp-ui-font-color1, #222) !important; }}
.{CLASS} .js-plotly-plot .hoverlayer text {{ fill: #fff !important; }}
.{CLASS} .js-plotly-plot .hoverlayer path {{ fill: #333 !important; }}
.{CLASS} .js-plotly-plot .gridlayer path {{ stroke: var(--jp-border-color2, #ccc) !important; }}
"""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Panel(ipywidgets.VBox):  # type: ignore[misc]
    """One of the panels; make it with the function of its name in ``notebook_agents``."""

    heading = "Panel"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.actor = block_on(session.identify()).actor
        self._loop = _running_loop(session)
        self._supervisor = Supervisor()
        self._marker = f"{STATIC_CLASS}-{secrets.token_hex(4)}"
        self._handles: list[Any] = []
        self.said = ipywidgets.HTML()
        """What happened last, told to screen readers as well."""
        self.add_class(CLASS)

    def fill(self, *children: Any, has_heading: bool = True) -> None:
        """Show these below the heading; without it, the first of them is one."""
        style = f"<style>{_one_of_two(self._marker)}{CSS}</style>"
        heading = f"<h3>{escape(self.heading)}</h3>" if has_heading else ""
        self.children = (ipywidgets.HTML(f"{style}{heading}"), *children, self.said)

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """Tell the person, below the panel."""
        told = alert(text) if is_bad else f'<div role="status">{escape(text)}</div>'
        self.said.value = told if text else ""

    def core(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """Something short of the core's, at once."""
        return self.session.host.submit(work).result()

    def attempt(self, work: Callable[[], Any], refuse: Callable[[str], None] | None = None) -> None:
        """Do what a button asks for; what fails is said, and the panel stays.

        ``refuse`` says it where the person looks, else it is said below the panel.
        """
        refuse = refuse or (lambda text: self.say(text, is_bad=True))
        try:
            work()
        except (NotebookAgentsError, AgentError) as error:
            refuse(getattr(error, "message", "") or str(error))
        except Exception as error:  # noqa: BLE001 - a panel must say what failed, and stay
            _log.exception("a panel failed")
            refuse(f"{type(error).__name__}: {error}")

    def start(self, waits: Waits[Any], name: str) -> None:
        """Have something longer done between cells; at once where there is no event loop."""
        if self._loop is None:
            self.attempt(lambda: block_on(waits))
            return
        self._loop.call_soon_threadsafe(self._spawn, waits, name)

    def on_click(
        self, button: Any, work: Callable[[], Any], refuse: Callable[[str], None] | None = None
    ) -> Any:
        """Bind a button; returns it."""
        button.on_click(lambda _button: self.attempt(work, refuse))
        return button

    def on_change(self, control: Any, work: Callable[[], Any]) -> Any:
        """Bind a control's value; returns it."""
        control.observe(lambda _change: self.attempt(work), "value")
        return control

    def tables(self) -> list[Table]:
        """What the copy consists of."""
        return []

    def lines(self) -> list[str]:
        """What stands in the copy before the tables."""
        return []

    def as_html(self) -> str:
        """The copy as HTML without script."""
        parts = [f"<p><b>{escape(self.heading)}</b></p>"]
        parts += [f"<p>{escape(line)}</p>" for line in self.lines()]
        parts += [table.as_html() for table in self.tables()]
        return f'<div class="{CLASS} {STATIC_CLASS} {self._marker}">{"".join(parts)}</div>'

    def as_text(self) -> str:
        """The copy as text."""
        tables = [table.as_text() for table in self.tables()]
        return "\n\n".join(["\n".join([self.heading, *self.lines()]), *tables])

    def rest(self) -> None:
        """Bring the copies up to date."""
        for handle in self._handles:
            handle.update(self._copy(), raw=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.heading}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return super()._repr_mimebundle_(**kwargs) | self._copy()

    def _repr_html_(self) -> str:
        return self.as_html()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(self.as_text())

    def _ipython_display_(self, **_kwargs: Any) -> None:
        from IPython.display import display

        show: Any = display
        if not is_attended(self.session):
            show(self._copy(), raw=True)
            return
        told = {"text/plain": f"{self.heading}: a panel, with a copy of it below."}
        show(super()._repr_mimebundle_() | told, raw=True)
        if (handle := show(self._copy(), raw=True, display_id=True)) is not None:
            self._handles.append(handle)

    def _copy(self) -> dict[str, str]:
        return {"text/html": self.as_html(), "text/plain": self.as_text()}

    def _spawn(self, waits: Waits[Any], name: str) -> None:
        self._supervisor.spawn(self._serve(waits), name=name)

    async def _serve(self, waits: Waits[Any]) -> None:
        try:
            await await_on(waits)
        except (NotebookAgentsError, AgentError) as error:
            self.say(getattr(error, "message", "") or str(error), is_bad=True)
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("a panel failed")
            self.say(f"{type(error).__name__}: {error}", is_bad=True)


def is_attended(session: Session) -> bool:
    """Whether somebody sits at a notebook who could press a button."""
    return session.is_kernel and bool(getattr(session.shell.kernel, "_allow_stdin", False))


def until_done(session: Session, work: Callable[[Core], Coroutine[Any, Any, T]]) -> Waits[T]:
    """Wait for the core without holding up the notebook."""
    return (yield from until(session.host.submit(work)))


def alert(text: str) -> str:
    """What failed, as HTML that screen readers tell as soon as it is there."""
    return f'<div role="alert" class="na-bad">{escape(f"✗ {text}")}</div>'


def button(text: str, about: str = "", style: str = "") -> Any:
    """A button with a hint."""
    layout = {"width": "auto"}
    return ipywidgets.Button(
        description=text, tooltip=about or text, button_style=style, layout=layout
    )


def _one_of_two(marker: str) -> str:
    """Rules that hide the copy where the panel lives, else a panel where nothing answers."""
    return (
        f"body:not({STILL}) .{marker} {{ display: none; }}"
        f" body:is({STILL}) .{CLASS}.jupyter-widgets {{ display: none; }}"
    )


def _running_loop(session: Session) -> asyncio.AbstractEventLoop | None:
    if not session.is_kernel:
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
