"""The directive ``live-page``: a link to an explorer's own offline page, which is written anew with every build.

With the option ``frame`` the page itself is shown above the link.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import xai_widgets as xw
from xai_widgets.progress import Progress
from xai_widgets.widgets.workbench.catalogue import VIEWS

FOLDER = "live"
LINKS = {
    "cladec": "Click through the layers yourself",
    "inversion": "Look for the evidence yourself",
    "cae": "Drag the point yourself",
}
"""What the links say, by the key of the view: those views of the demo that need no fit and only seconds."""


class LivePage(SphinxDirective):
    """A link that leads to the page, beside those of the documentation, and the page itself where that is asked for."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"frame": directives.flag}

    def run(self) -> list[nodes.Node]:
        """The link."""
        [name] = self.arguments
        address = "../" * self.env.docname.count("/") + f"{FOLDER}/{name}.html"
        frame = f'<iframe class="live" src="{address}" title="{LINKS[name]}" loading="lazy"></iframe>'
        link = f'<p><a class="live" href="{address}">{LINKS[name]}</a></p>'
        return [nodes.raw("", frame + link if "frame" in self.options else link, format="html")]


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the pages beside those of the documentation."""
    if error is not None or app.builder.format != "html":
        return
    folder, study = Path(app.outdir) / FOLDER, xw.demo()
    folder.mkdir(exist_ok=True)
    for name in LINKS:
        for made in VIEWS[name].prepared([study], progress=Progress()):
            made.to_html(folder / f"{name}.html", progress=Progress())
            made.close()


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive, and write the pages at the end."""
    app.add_directive("live-page", LivePage)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
