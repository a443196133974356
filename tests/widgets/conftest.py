"""What the tests of the explorers share."""

from __future__ import annotations

import json
import re
import threading
import time
import warnings
from collections import OrderedDict
from functools import partial

import pytest
import torch
from torch import nn

import xai_widgets as xw
from xai_widgets.errors import PictureError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.study import Study
from xai_widgets.widgets.workbench.catalogue import VIEWS


def data_of(page):
    """The data of an exported page."""
    return json.loads(re.search(r"^const data = restored\((.*)\);$", page, re.MULTILINE).group(1))


def numbers_of(explorer):
    """What stands behind "Why?" before the sentence on what hiding the evidence does, which has to end it."""
    explorer.why.unfolded = True
    assert explorer.wait(60)
    end = f" {hidden(explorer.study, explorer._marks(explorer._shown), Progress()).sentence()}"
    assert explorer.numbers.endswith(end)
    return explorer.numbers.removesuffix(end)


def red(app):
    """What the red line says."""
    line = app._lines["error"]
    return "" if line.layout.display == "none" else line.value


def do(explorer, owner, **values):
    """Set traits as a person would, and wait for what follows."""
    for name, value in values.items():
        setattr(owner, name, value)
    assert explorer.wait(60)


def until(there):
    """Wait for something that another thread does."""
    end = time.monotonic() + 30
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def opened():
    """An explorer of any kind, waited for unless told otherwise, and closed after the test."""
    made = []

    def opened(kind, *args, wait=True, **options):
        made.append(kind(*args, **options))
        assert not wait or made[-1].wait(60)
        return made[-1]

    yield opened
    for explorer in made:
        explorer.close()


@pytest.fixture
def prepare():
    """Explorers of a view that are ready, closed after the test."""
    made = []

    def prepare(key, studies, **options):
        made.extend(found := VIEWS[key].prepared(studies, progress=Progress(), **options))
        return found

    yield prepare
    for app in made:
        app.close()


@pytest.fixture
def explore(opened):
    """A ClaDec explorer."""
    return partial(opened, xw.ClaDecExplorer, wait=False)


@pytest.fixture
def browse(opened):
    """A summary browser that has looked at everything."""
    return partial(opened, xw.SummaryBrowser)


@pytest.fixture
def conceive(opened):
    """A concept explorer that shows something."""
    return partial(opened, xw.ConceptExplorer)


@pytest.fixture(scope="session")
def reader():
    """A classifier that says where the bright square of a picture is: it looks at the places of all squares only."""

    def reader(channels=3, classes=4, sharp=6.0):
        pool = nn.AdaptiveAvgPool2d((4, classes))
        model = OrderedDict(pool=pool, flat=nn.Flatten(), logits=nn.Linear(channels * 4 * classes, classes))
        weight = torch.zeros(classes, channels, 4, classes)
        for k in range(classes):
            weight[k, :, 1, k] = sharp / channels
        with torch.no_grad():
            model["logits"].weight.copy_(weight.flatten(1))
            model["logits"].bias.zero_()
        return nn.Sequential(model)

    return reader


@pytest.fixture(scope="session")
def fit_cae():
    """A CAE that is fitted for a moment, and need not be believed."""

    def fit_cae(study, *, epochs=1, width=4, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return CAE(study, epochs=epochs, width=width, **options).fit(progress=Progress())

    return fit_cae


@pytest.fixture(scope="session")
def toy(reader, squares):
    """Fitted until it can be believed; not to be changed."""
    return CAE(Study(reader(), squares(300), name="Squares"), epochs=24, width=8).fit(progress=Progress())


# --- visual summaries, made by hand ------------------------------------------------------------------------------


def _masks_by_hand(study, pictures, class_index):
    """Masks of two squares in each picture."""
    count, _, height, width = pictures.shape
    masks = torch.zeros(count, 1, height, width, dtype=torch.bool)
    masks[:, 0, 1:4, 1:4] = masks[:, 0, 6:9, 5:9] = True
    scores = torch.full((count,), 0.9)
    return Masks(
        pictures, torch.full_like(pictures, 0.5), torch.full((count,), class_index), masks, masks.float(),
        scores, scores * 0.1, scores[:, None], scores[:, None] * 0.2, ("mean",) * count, study.class_names,
        {"model": study.fingerprint},
    )  # fmt: skip


def _region_by_hand(picture, square, sides):
    pixels = torch.zeros(sides, dtype=torch.bool)
    pixels[((slice(1, 4), slice(1, 4)), (slice(6, 9), slice(5, 9)))[square]] = True
    return Region(picture, 0, pixels, 0.9, 0.6 - 0.1 * square, 0.8, 1.0 + picture + 10 * square)


_NUMBERS = {
    # evidence, drop, stability, coherence, pictures, problems
    "first": (2.0, 0.1, 0.7, 0.5, 6, ()),
    "second": (1.0, 0.6, 0.95, 0.2, 4, ()),
    "third": (-0.2, 0.0, 0.3, 0.05, 5, ("mixed: coherence 0.05", "not stable: 0.30")),
}


def summaries_by_hand(study, class_index, *, errors=False, count=6, squares=(0, 1)):
    """Two sound summaries, one for each square, and one that is not."""
    pictures = torch.stack([study.test[i % len(study.test)][0] for i in range(count)])
    regions = tuple(_region_by_hand(i, square, pictures.shape[2:]) for square in squares for i in range(count))
    members = [tuple(range(count)), tuple(range(count, 2 * count)), (1, 0)]
    summaries = tuple(
        Summary(own, size, coherence, stability, drop, drop - 0.05, drop + 0.05, evidence, evidence - 0.3,
                evidence + 0.3, problems)
        for own, (evidence, drop, stability, coherence, size, problems) in zip(members, _NUMBERS.values(), strict=True)
    )  # fmt: skip
    return ClassSummaries(
        class_index, study.class_names[class_index], errors, torch.arange(count) + 100,
        _masks_by_hand(study, pictures, class_index), regions, torch.eye(len(regions)), summaries, {},
    )  # fmt: skip


class SummariesByHand(VisualSummaries):
    """Finds at once what was made by hand, unless it is held, or has too few pictures of a class."""

    def __init__(self, study, *, rare=(), squares=(0, 1)):
        super().__init__(study)
        self.rare, self.squares = rare, squares
        self.asked = []
        self.free = threading.Event()
        self.free.set()
        self.begun = threading.Event()

    def find(self, class_index, *, errors=False, most=None, indices=None, keep=True, progress=None):
        self.asked.append((class_index, errors, most))
        self.begun.set()
        progress.start("crisp masks", 10)
        while not self.free.wait(0.01):
            progress.check()
        if class_index in self.rare:
            raise PictureError("3 pictures are correctly predicted so, and a summary needs 5 or more")
        count = 5 if most else 6
        found = summaries_by_hand(self.study, class_index, errors=errors, count=count, squares=self.squares)
        if keep:
            self.found[class_index, errors] = found
        return found


@pytest.fixture
def by_hand(new_study):
    """Makes `SummariesByHand` of a study of four classes, with some of them found."""

    def by_hand(study=None, *, found=(), **options):
        made = SummariesByHand(study or new_study(), **options)
        for class_index in found:
            made.find(class_index, progress=Progress())
        made.asked.clear()
        made.begun.clear()
        return made

    return by_hand


# --- x-features ----------------------------------------------------------------------------------------------------


class HeldSRAE(SRAE):
    """Fitted only once it is let go."""

    def fit(self, *, progress=None, checkpoint=None):
        progress.start("x-features", 10)
        while not self.free.wait(0.01):
            progress.check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().fit(progress=progress, checkpoint=checkpoint)

    @classmethod
    def of(cls, study, layer=None, **options):
        made = cls(study, layer, epochs=2, features=4, **options)
        made.free = threading.Event()
        return made


@pytest.fixture(scope="session")
def squares_read(reader, squares):
    """A study of squares whose classifier looks at their places."""
    return Study(reader(), squares(80), name="Squares", class_names=["north", "<b>east</b>", "south", "west"])


@pytest.fixture(autouse=True)
def _what_one_test_fits_is_not_found_by_the_next(squares_read):
    squares_read.explainers.clear()


@pytest.fixture(scope="session")
def srae_file(squares_read, tmp_path_factory):
    """An SRAE fitted for a moment, in a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = SRAE(squares_read, "pool", epochs=6, features=4).fit(progress=Progress())
    return made.save(tmp_path_factory.mktemp("srae") / "squares")


@pytest.fixture
def srae(srae_file, squares_read):
    """An SRAE of one's own, to be changed."""
    return SRAE.load(srae_file, squares_read)
