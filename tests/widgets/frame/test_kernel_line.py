from __future__ import annotations

from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.elements import KernelLine


class Slide(App):
    without_kernel = "One can still look."

    def _page(self, progress: Progress) -> Page:
        raise NotImplementedError


def test_the_line_knows_all_that_it_cuts_off_and_says_what_still_works() -> None:
    app = Slide("Title")
    [line] = [child for child in app.widget.children if isinstance(child, KernelLine)]
    assert line.root == app.widget.model_id
    assert line.text == "The kernel has stopped. One can still look. Restart it and run the cells again."
    assert line.layout.display == "none"
    app.close()
