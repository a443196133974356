"""No view tells a true class of pictures that have none, in a notebook or on a page."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import xai_widgets as xw
from tests.widgets.test_contract import settled, texts
from xai_widgets.pool import NOT_KNOWN
from xai_widgets.progress import Progress
from xai_widgets.widgets.workbench.catalogue import VIEWS

WORDS = ("true class", "truly", "label -1", "not recognised", "mistaken for", "mistakes")


@pytest.fixture(scope="module")
def study(reader: Any, squares: Any) -> Any:
    """A study of pictures without labels, with an explainer of each method that trains."""
    study = xw.Study(reader(), list(squares(80).pictures))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xw.keep(xw.ClaDec(study, "pool", epochs=1, width=4).fit(progress=Progress()))
        xw.keep(xw.SRAE(study, "pool", epochs=2, features=4).fit(progress=Progress()))
        xw.keep(xw.CAE(study, epochs=1, width=4).fit(progress=Progress()))
    return study


def everything(widget: Any) -> str:
    """All that a widget shows or offers, as text."""
    own = " ".join(str(getattr(widget, name, "")) for name in ("value", "options", "cards", "rows"))
    return own + "".join(everything(child) for child in getattr(widget, "children", ()))


@pytest.mark.parametrize("key", list(VIEWS))
def test_a_view(key: str, study: Any, opened: Any) -> None:
    explorer = settled(opened(VIEWS[key], study))
    said = everything(explorer.widget) + texts(explorer.widget)
    if key in study.explainers:
        said += explorer.page()
        settled(explorer)
    assert not [word for word in WORDS if word in said]


def test_the_workbench(study: Any, opened: Any) -> None:
    workbench = opened(xw.Workbench, study)
    assert workbench.sentence.startswith(f"Picture {workbench.picture} · predicted: ")
    assert workbench.strip.show.options == ((NOT_KNOWN, "all classes"),)
    assert workbench.strip.here
    assert not [word for word in WORDS if word in everything(workbench.widget)]
