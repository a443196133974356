"""The button that writes the page of a Workbench into the working folder."""

from __future__ import annotations

import re
from pathlib import Path

import ipywidgets

from xai_widgets import files
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.app import App


class KeepPage(ipywidgets.Button):  # type: ignore[misc]  # which has no types
    """The page of an app is named after its title."""

    def __init__(self) -> None:
        super().__init__(description="Save page", layout={"width": "7em"})
        self.tooltip = "Write one file that shows the same without a notebook"

    def save(self, app: App) -> None:
        """Write the page in the background."""
        file = Path(re.sub(r"[^a-z0-9]+", "-", app.title.lower()).strip("-") + ".html")

        def work(progress: Progress) -> None:
            files.write(file, app.make_page(progress).html().encode())

        app.run(work, lambda _: self._say_saved(file), "Saving the page")

    def _say_saved(self, file: Path) -> None:
        self.tooltip = f"Saved as {file.resolve()}"
        self.description, self.icon = "Saved", "check"
