"""How much of a photo's score x-features explain, beside simpler x-features.

    python benchmarks/photos/srae.py --data DIR --json -
    python benchmarks/photos/srae.py --data DIR --sweep photos   # or views, positives; on photos to fit on
    python benchmarks/photos/srae.py --data DIR --sheet FILE     # a cat that may be shown, as a sum

The class "bee" of EfficientNet-Lite0: fitted on 243 photos of ants and bees, measured on 153 others.
"""

from __future__ import annotations

import json
import resource
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from common import SIDE, ants_bees, arguments, measure, report

import xai_widgets as xw
from xai_widgets.data.bundled_photos import PHOTOS, BundledPhotos
from xai_widgets.methods.srae import fitted, views
from xai_widgets.methods.srae.report import ClassReport
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.photos import lite0_study
from xai_widgets.pictures import subset
from xai_widgets.progress import Progress
from xai_widgets.study import Study

CLASSES, EXPLAINED = ("ant", "bee"), "bee"

CATS, ANIMALS = ("tabby", "Egyptian cat"), 300
"""Classes that are fitted for a sheet, on so many photos, and measured on as many others."""

CAT = [photo.shows for photo in PHOTOS].index("a cat")
"""The cat among the photos that other packages bring."""

SWEEPS: dict[str, tuple[float, ...]] = {
    "photos": (30, 60, 100, 150, 194),
    "views": (0, 2, 4, 8),
    "positives": (0.4, 1.0, 2.0),
}
"""Numbers of photos to fit on, of views of each, and weights of the class's own photos, that are compared on the 49
photos left out of 243."""


def main() -> None:
    """Fit, compare and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sweep", choices=SWEEPS, help="compare numbers of photos or of views instead")
    parser.add_argument("--sheet", type=Path, help="draw the x-features of a cat instead")
    given = parser.parse_args()
    if given.sweep:
        print(json.dumps(sweep(given.data, given.sweep, given.seed), indent=2))
    elif given.sheet:
        sheet(given.data, given.seed, given.sheet)
    else:
        report(measured(ants_bees(given.data), given.seed), given.json)


def measured(study: Study, seed: int) -> dict[str, Any]:
    """All measures of one fit."""
    began = time.process_time()
    found = fit(study, seed)
    seconds, others = time.process_time() - began, found.simpler
    everything = {"r2_all": "r2_all", "r2_within": "r2_positive", "second_first": "second_first", "n90": "n90"}
    beside = {
        name: measure(getattr(found.srae, own), **{who: getattr(one, own) for who, one in others.items()})
        for name, own in everything.items()
    }
    gaps = {who: found.pls.r2_positive - one.r2_positive for who, one in others.items() if who != "PLS"}
    return beside | {
        "pls_gap": measure(found.pls.r2_positive - found.srae.r2_positive, **gaps),
        "alive": measure(found.srae.alive),
        "cpu_s": measure(seconds),
        "peak_gb": measure(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20),
    }


def fit(study: Study, seed: int, positives: float | None = None) -> ClassReport:
    """The report of the class after a fit; `positives` is another weight of the class's own photos."""
    srae = SRAE(study, targets=CLASSES, seed=seed)
    if positives is not None:
        srae.settings = replace(srae.settings, weights=replace(srae.settings.weights, positives=positives))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the numbers show it
        srae.fit(progress=Progress())
    return srae.report(EXPLAINED)


def sheet(data: Path, seed: int, file: Path) -> None:
    """The cat that scikit-image brings, and the maps of its x-features; fitted on other cats and dogs."""
    animals = xw.folder(data / "cats_dogs", SIDE)
    order = Study.draw(animals, len(animals), seed)
    seen, unseen = subset(animals, order[:ANIMALS]), subset(animals, order[ANIMALS : 2 * ANIMALS])
    found = SRAE(lite0_study(seen, test=unseen), targets=CATS, seed=seed).fit(progress=Progress())
    explanation = found.explain(BundledPhotos(SIDE)[CAT][0])
    print(explanation.sentence(0), explanation.verdict(), sep="\n")
    explanation.figure().savefig(file)


def sweep(data: Path, what: str, seed: int) -> dict[str, dict[str, float]]:
    """The measures of several fits, on photos that nothing is reported of."""
    return {str(value): _numbers(_fitted(data, what, value, seed)) for value in SWEEPS[what]}


def _fitted(data: Path, what: str, value: float, seed: int) -> ClassReport:
    photos = xw.folder(data / "ants_bees" / "train", SIDE)
    order = Study.draw(photos, len(photos), seed)
    some, unseen = order[49:], order[:49]
    chosen = some[: int(value)] if what == "photos" else some
    labels = {"ants": "ant", "bees": "bee"}
    study = lite0_study(subset(photos, chosen), test=subset(photos, unseen), labels=labels)
    count = int(value) if what == "views" else views.views_of(study.shape[1:], len(chosen))
    with mock.patch.object(fitted, "views_of", return_value=count):
        return fit(study, seed, value if what == "positives" else None)


def _numbers(found: ClassReport) -> dict[str, float]:
    each = {"srae": found.srae} | found.simpler
    return {f"{who}, {name}": getattr(one, name) for who, one in each.items() for name in ("r2_all", "r2_positive")}


if __name__ == "__main__":
    main()
