"""`doctor`: what is installed, what is wrong with it, and what helps; works where hardly anything else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from xai_widgets import hosts
from xai_widgets.diagnosis.checks import Problem, problems
from xai_widgets.diagnosis.snapshot import Snapshot, take

SILENT = "If this line stays, this front end does not show widgets."


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes
    ----------
    snapshot
        What there is.
    problems
        What is wrong, the worst first, each with what helps.
    """

    snapshot: Snapshot
    problems: list[Problem]
    _live: Any = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.problems

    @property
    def host(self) -> str:
        """What shows widgets, by what the browser said or, before it has said so, as far as Python can know."""
        return getattr(self._live, "host", "") or self.snapshot.host

    def to_json(self) -> str:
        """All of it as JSON."""
        found = {"ok": self.ok, "host": self.host, "problems": [asdict(problem) for problem in self.problems]}
        return json.dumps(found | {"snapshot": asdict(self.snapshot)}, indent=2)

    def __str__(self) -> str:
        rows = list(self._rows())
        width = max(len(name) for name, _ in rows)
        lines = [f"{name.ljust(width)}  {said}" for name, said in rows]
        wrong = [f"* {problem.what}\n    {problem.command}" for problem in self.problems]
        return "\n".join([*lines, "", self._verdict(), *wrong])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(said)}</td></tr>" for name, said in self._rows())
        wrong = "".join(
            f"<li>{escape(problem.what)}<br><code>{escape(problem.command)}</code></li>" for problem in self.problems
        )
        return (
            f"{_STYLE}<div class='xw-doctor'><p><b>{escape(self._verdict())}</b></p><ul>{wrong}</ul>"
            f"<table>{rows}</table></div>"
        )

    def _ipython_display_(self) -> None:
        """Show the report and, where a browser listens, a line that the browser writes itself."""
        from IPython.display import display  # noqa: PLC0415  (it calls this, so it is there)

        show: Any = display  # it is not annotated
        show({"text/plain": str(self), "text/html": self._repr_html_()}, raw=True)
        if self._live is not None:
            show(_bundle(self._live), raw=True)

    def _verdict(self) -> str:
        count = len(self.problems)
        return "No problem was found." if self.ok else f"{count} problem{'s' if count > 1 else ''} found:"

    def _rows(self) -> Iterator[tuple[str, str]]:
        seen = self.snapshot
        yield "Python", f"{seen.python} in {seen.prefix}"
        yield "Platform", seen.platform
        memory = "memory unknown" if seen.memory is None else f"{seen.memory / 1e9:.1f} GB of memory"
        threads = f"{seen.threads} thread{'' if seen.threads == 1 else 's'}"
        yield "Machine", f"{threads}, {memory}, {seen.gpu or 'no GPU that torch can use'}"
        yield "Host", self.host + (f", run from {seen.server}" if seen.server else "")
        for name, version in seen.packages.items():
            yield name, version + (" (cannot be imported)" if name in seen.broken else "")
        front_ends = [f"{one.name} {one.version}{'' if one.enabled else ' (disabled)'}" for one in seen.front_ends]
        yield "In the browser", ", ".join(front_ends) or "no front end is installed here"


def doctor() -> Report:
    """Look for what is known to keep widgets from working, and say what helps.

    Displayed in a notebook, the report also has a line that the browser writes: whether widgets arrive, and in which
    program; `Report.host` has it, too.

    Examples
    --------
    >>> xw.doctor()  # doctest: +SKIP
    """
    seen = take()
    return Report(seen, problems(seen), _live(seen))


def _live(seen: Snapshot) -> Any:
    """The view that the browser fills in, if there may be a browser and views can be made."""
    if not hosts.in_notebook() or any(name not in seen.packages or name in seen.broken for name in _VIEWED):
        return None
    hosts.prepare()
    from xai_widgets.widgets.views.doctor import DoctorView  # noqa: PLC0415  (its libraries may be missing)

    return DoctorView()


def _bundle(view: Any) -> dict[str, Any]:
    """What displays a view, with a text that stays where views are not shown."""
    made = view._repr_mimebundle_()
    data: dict[str, Any] = made[0] if isinstance(made, tuple) else made
    return {**data, "text/plain": SILENT}


_VIEWED = ("anywidget", "ipywidgets")

_STYLE = """<style>
.xw-doctor { font-family: var(--jp-ui-font-family, system-ui, sans-serif); }
.xw-doctor table { border-collapse: collapse; margin-top: 8px; }
.xw-doctor table th, .xw-doctor table td { text-align: left; padding: 1px 16px 1px 0; font-weight: normal; }
.xw-doctor table th { color: var(--jp-ui-font-color2, #59636e); }
.xw-doctor li { margin-bottom: 8px; max-width: 72em; }
.xw-doctor code { user-select: all; }
</style>"""
