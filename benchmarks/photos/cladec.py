"""ClaDec of EfficientNet-Lite0 on photos: how close the decoded pictures are, beside trivial answers, and its cost.

python benchmarks/photos/cladec.py --data DIR --json -
python benchmarks/photos/cladec.py --data DIR --sweep perceptual

Fitted on photos of ants and bees, cats and dogs, and one of each of 258 classes; measured on other photos of ants and
bees, and on 22 of other classes. `--quick` fits for a moment, to see that all of it runs. `--pictures DIR` writes
the best and the worst decoded photos there; `--sheet FILE` draws the seven photos that other packages bring. A sweep is
of one layer, without a reference, judged by photos to fit on that are set aside.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from common import SIDE, arguments, measure, report
from torch.nn import functional as F
from torch.utils.data import ConcatDataset, Subset
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid, save_image

import xai_widgets as xw
from xai_widgets.methods.cladec import large_fit
from xai_widgets.methods.common.estimate import estimate
from xai_widgets.photos import lite0_study
from xai_widgets.progress import Progress

LAYERS = {"8": "_blocks.4", "16": "_blocks.9"}
"""By how much smaller than the picture their maps are."""

THUMBNAIL = 144
"""Pixels a side of a photo on a sheet."""

SWEEPS: dict[str, tuple[float, ...]] = {
    "perceptual": (0.0, 0.2, 1.0),
    "colour": (0.0, 0.5, 2.0),
    "crops": (210, 420, 630, 840),
    "photos": (25, 50, 100, 400),
}


def study(data: Path, *, tune: bool = False) -> xw.Study:
    """Photos to fit on and unseen ones; to tune, a twelfth of the former is in place of the latter."""
    folders = ("ants_bees/train", "cats_dogs", "imagenet_few")
    train = ConcatDataset([xw.folder(data / name, SIDE) for name in folders])
    if tune:
        aside = range(0, len(train), 12)
        rest = [i for i in range(len(train)) if i % 12]
        return lite0_study(Subset(train, rest), test=Subset(train, aside), name="photos, to tune")
    test = ConcatDataset([xw.folder(data / name, SIDE) for name in ("ants_bees/test", "imagenet_samples")])
    return lite0_study(train, test=test, name="photos")


def fitted(photos: xw.Study, layer: str, quick: bool) -> tuple[xw.ClaDec, dict[str, float]]:
    """A fitted layer, with the minutes of the processor that were told and those that it took."""
    cladec = xw.ClaDec(photos, layer)
    if quick:
        few = replace(cladec.settings.recipe, epochs=2)
        settings = replace(cladec.settings, recipe=few, reference_recipe=few, crops=60, pictures=40)
        cladec = xw.ClaDec(photos, layer, settings=settings)
    clocks = time.process_time(), time.perf_counter()
    told = estimate(cladec).seconds
    tried, waited = time.process_time() - clocks[0], time.perf_counter() - clocks[1]
    began = time.process_time()
    cladec.fit(progress=Progress())
    taken = time.process_time() - began
    # Told are seconds of the clock; others may have used the processor meanwhile, as they will during the fit.
    return cladec, {"told": told * tried / waited / 60, "tried": tried / 60, "taken": taken / 60}


def measures(photos: xw.Study, name: str, options: Namespace) -> tuple[xw.ClaDec, dict[str, Any]]:
    """A fitted layer, and all measures of it."""
    cladec, minutes = fitted(photos, LAYERS[name], options.quick)
    if options.keep:
        cladec.save(options.keep / f"cladec-{name}")
    found = cladec.report()
    print(cladec.enough(), cladec.verdict(), *cladec.problems, found, minutes, sep="\n", flush=True)
    error, blurred = found.error, found.blurred
    linear = error["ridge"]
    ratios = {key: error[key] / linear for key in ("mean", "reference", "local") if key in error}
    colour = {"mean picture": 0.0, "auto-encoder": found.kept["reference"]["colour"], "equal blur": blurred["colour"]}
    if options.pictures:
        pictures(cladec, name, options.pictures)
    return cladec, {
        f"error_ratio_linear_{name}": measure(error["cladec"] / linear, **ratios),
        f"colour_kept_{name}": measure(found.kept["cladec"]["colour"], **colour),
        f"agreement_{name}": measure(found.agreement, **{"equal blur": blurred["agreement"]}, **agreements(cladec)),
        f"cpu_minutes_{name}": measure(minutes["taken"]),
        f"told_ratio_{name}": measure(minutes["taken"] / minutes["told"]),
    }


def agreements(cladec: xw.ClaDec, most: int = 160) -> dict[str, float]:
    """How often the classifier says of the auto-encoder's and of the mean picture what it says of the original."""
    photos, test = cladec.study, cladec.study.test
    originals, _ = photos.load(test, photos.draw(test, most))
    shown = cladec.explain(originals)
    said = photos.predict(originals).argmax(1)
    versions = {"auto-encoder": shown.reference, "mean picture": shown.mean_picture.expand_as(originals)}
    return {
        name: float((photos.predict(version).argmax(1) == said).float().mean())
        for name, version in versions.items()
        if version is not None
    }


def pictures(cladec: xw.ClaDec, name: str, folder: Path) -> None:
    """Original, ClaDec, auto-encoder, of the three best, the three worst and eight photos of other classes."""
    photos = cladec.study
    originals, _ = photos.load(photos.test, range(len(photos.test)))
    shown = [cladec.explain(batch) for batch in originals.split(32)]
    decoded, reference = (torch.cat([getattr(one, key) for one in shown]) for key in ("cladec", "reference"))
    spread = (originals - originals.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    order = ((decoded - originals).square().mean((1, 2, 3)) / spread).argsort().tolist()
    chosen = [*order[:3], *order[-3:], *range(len(originals) - 22, len(originals), 3)]
    rows = [version[i] for i in chosen for version in (originals, decoded, reference)]
    save_image(torch.stack(rows), folder / f"cladec-{name}.png", nrow=6)


def sheet(fits: Sequence[xw.ClaDec], file: Path) -> None:
    """Seven photos that other packages bring; below them, layer by layer, what ClaDec and the auto-encoder decode."""
    photos = xw.photo_demo()
    originals, _ = photos.load(photos.test, range(len(photos.test)))
    rows = [originals]
    for cladec in fits:
        shown = cladec.explain(originals)
        print(
            cladec.layers, [(shown.said("original", row), shown.said("cladec", row)) for row in range(len(originals))]
        )
        rows += [shown.cladec, *([] if shown.reference is None else [shown.reference])]
    small = [F.interpolate(row, (THUMBNAIL, THUMBNAIL), mode="area") for row in rows]
    to_pil_image(make_grid(torch.cat(small), nrow=len(originals), padding=2, pad_value=1)).save(file, quality=82)


def sweep(data: Path, what: str, layer: str) -> None:
    """Print error, colour and agreement for some values of one constant."""
    for value in SWEEPS[what]:
        photos = study(data, tune=True)
        settings = replace(xw.ClaDec(photos, layer).settings, reference=None)
        if what == "colour":
            large_fit.COLOUR = value
        else:
            name = {"photos": "pictures"}.get(what, what)
            settings = replace(settings, **{name: value if what == "perceptual" else int(value)})
        found = xw.ClaDec(photos, layer, settings=settings).fit(progress=Progress()).report()
        numbers = {
            "error": found.error["cladec"],
            "colour": found.kept["cladec"]["colour"],
            "agreement": found.agreement,
        }
        print(what, value, layer, numbers, f"linear {found.error['ridge']:.4f}", flush=True)


def main() -> None:
    """Print or write the numbers."""
    parser = arguments(__doc__)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--quick", action="store_true", help="fit for a moment only")
    parser.add_argument("--pictures", type=Path, help="folder for decoded photos")
    parser.add_argument("--keep", type=Path, help="folder for the fitted layers")
    parser.add_argument("--sweep", choices=SWEEPS)
    parser.add_argument("--sheet", type=Path, help="file for a sheet of decoded photos that may be shown")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.sweep:
        sweep(options.data, options.sweep, LAYERS[options.layers[0]])
        return
    photos, found, fits = study(options.data), {}, []
    for name in options.layers:
        cladec, numbers = measures(photos, name, options)
        found |= numbers
        fits.append(cladec)
    if options.sheet:
        sheet(fits, options.sheet)
    report(found, options.json)


if __name__ == "__main__":
    main()
