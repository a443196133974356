"""How well guided feature inversion finds the evidence in photos, and what it costs.

    python benchmarks/photos/inversion.py --data DIR --json -
    python benchmarks/photos/inversion.py --data DIR --sheet FILE      # the masks, best to worst
    python benchmarks/photos/inversion.py --data DIR --sweep search    # other values of what depends on the size

22 ImageNet photos (`imagenet_samples`), and a mosaic of four for each of them, in which it is known where the class is.
Sweeps take photos of `imagenet_few`.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from common import SIDE, arguments, measure, report
from PIL.Image import Image
from torch import Tensor
from torchvision.transforms.functional import resize, to_pil_image

import xai_widgets as xw
from xai_widgets.lessons.photos import four_in_one, halved
from xai_widgets.methods.inversion import contrast, problem
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.methods.masking.views import blend
from xai_widgets.photos import lite0_study
from xai_widgets.progress import Progress
from xai_widgets.scores.inversion_baselines import LOG, baseline_masks
from xai_widgets.study import Study

TUNED_ON = 12
"""Photos of a sweep, and as many mosaics."""

NOW = GuidedSettings.of_size((SIDE, SIDE))

SEARCHES: dict[str, dict[str, Any]] = {
    "as at 64 pixels": asdict(GuidedSettings()),
    "as fast": {"steps": 15, "lr": 0.5, "area": 2.0},
    "no contrast": {"contrast": False},
    "not grounded": {"grounded": False},
    "eps of 64 pixels": {"eps": GuidedSettings().eps},
    "not tidy": {"tidy": False},
    "slope 20": {"sharpness": 20.0},
    "slope 20, area 2, rate 1.3": {"sharpness": 20.0, "area": 2.0, "lr": 1.3},
    "slope 10 from 4": {"sharpness": 10.0, "first_sharpness": 4.0},
    "area 2, rate 1.3": {"area": 2.0, "lr": 1.3},
    "17 steps": {"steps": 17},
    "24 steps": {"steps": 24},
    "now": {},
}
"""Other settings of the search."""

CONSTANTS: dict[str, tuple[Any, str, tuple[Any, ...]]] = {
    "rivals": (contrast, "RIVALS", (3, 6, 10, 20)),
    "margin": (contrast, "MARGIN", (0.0, 1.0, 2.0, 4.0)),
    "layers": (contrast, "LAYERS", (1, 2)),
    "enough": (contrast, "ENOUGH", (0.1, 0.25, 0.5)),
    "pixels": (problem, "FEW_PIXELS", (2**16, 2**17, 2**19)),
}
"""Constants by the name of their sweep: where they are, and other values."""

BASELINES = ("grad_cam", "occlusion", "integrated_gradients", "gradient", "random", "centre")


@dataclass(frozen=True, eq=False)
class Photos:
    """Pictures ``(N, C, H, W)``, the classes to explain ``(N,)``, and where these are, bool ``(N, H, W)``."""

    pictures: Tensor
    classes: Tensor
    regions: Tensor

    def mass(self, masks: Tensor) -> float:
        """Mean share of each mask's mass where the class is; 0 for an empty mask."""
        return float(((masks * self.regions).sum((1, 2)) / masks.sum((1, 2)).clamp_min(1e-9)).mean())


def main() -> None:
    """Explain, compare and print."""
    parser = arguments(__doc__)
    parser.add_argument("--sweep", choices=("search", *CONSTANTS), help="compare other values on other photos instead")
    parser.add_argument("--sheet", type=Path, help="draw the masks instead, the best first")
    given = parser.parse_args()
    if given.sweep:
        print(json.dumps(sweep(given.data, given.seed, given.sweep), indent=2))
    elif given.sheet:
        sheet(given.data, given.seed).save(given.sheet)
    else:
        report(measured(given.data, given.seed), given.json)


def measured(data: Path, seed: int) -> dict[str, object]:
    """All measures; those of memory come first, before anything but the search has run."""
    study = lite0_study(xw.folder(data / "imagenet_samples", SIDE))
    photos = singles(study, list(range(len(study.sources.images))))
    made = mosaics(photos, seed)
    search = GuidedFeatureInversion(study)
    costs = _costs(search, photos.pictures)
    alone, among = search.explain(photos.pictures), search.explain(made.pictures, made.classes)
    others, theirs = (_others(study, asked, seed) for asked in (photos, made))
    kept, removed = _beside(study, alone, others, kept=True), _beside(study, alone, others, kept=False)
    return {
        "kept": measure(float(alone.kept.mean()), whole_picture=float(alone.before.mean()), **kept),
        "removed": measure(float(alone.removed.mean()), background=float(alone.baseline_score.mean()), **removed),
        "area": measure(float(alone.area.mean()), **{who: float(masks.mean()) for who, masks in others.items()}),
        "mosaic_mass": measure(made.mass(among.masks), chance=0.25, **{k: made.mass(v) for k, v in theirs.items()}),
        "mosaic_mass_where_seen": _where_seen(made, among, theirs),
        **{name: measure(value) for name, value in costs.items()},
    }


def singles(study: Study, indices: list[int]) -> Photos:
    """Photos of a study's set with their predicted classes."""
    pictures, _ = study.load(study.sources.images, indices)
    everywhere = torch.ones(len(pictures), *study.shape[1:], dtype=torch.bool)
    return Photos(pictures, study.logits(pictures).argmax(1), everywhere)


def mosaics(photos: Photos, seed: int) -> Photos:
    """For each photo a mosaic of it and three of other classes, each at half its side, in drawn places."""
    generator = torch.Generator().manual_seed(seed)
    small = halved(photos.pictures)
    pictures, regions = [], []
    for row, class_index in enumerate(photos.classes.tolist()):
        others = (photos.classes != class_index).nonzero().flatten()
        chosen = others[torch.randperm(len(others), generator=generator)[:3]].tolist()
        place = int(torch.randint(4, (), generator=generator))
        four = small[[*chosen[:place], row, *chosen[place:]]]
        pictures.append(four_in_one(four))
        regions.append(four_in_one(torch.zeros_like(four).index_fill(0, torch.tensor([place]), 1.0))[0] > 0)
    return Photos(torch.stack(pictures), photos.classes, torch.stack(regions))


def _costs(search: GuidedFeatureInversion, pictures: Tensor) -> dict[str, float]:
    """Seconds of CPU of a photo, until the first mask and until the end, means; and the highest memory of all."""
    first, whole = [], []
    for picture in pictures[:8]:
        began = time.process_time()
        marks: list[float] = []
        search.explain(picture, on_mask=lambda _, marks=marks: marks.append(time.process_time()))  # type: ignore[misc]
        whole.append(time.process_time() - began)
        first.append(marks[0] - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"cpu_s": sum(whole) / len(whole), "first_mask_s": sum(first) / len(first), "peak_gb": peak}


def _others(study: Study, asked: Photos, seed: int) -> dict[str, Tensor]:
    """Masks of the baselines, which explain the log-probability, one photo at a time."""
    found = [
        baseline_masks(study, asked.pictures[[row]], asked.classes[[row]], seed + row, Progress(), (LOG,))
        for row in range(len(asked.pictures))
    ]
    names = {name: next(known for known in (f"{name}{LOG}", name) if known in found[0]) for name in BASELINES}
    return {name: torch.cat([one[own] for one in found]) for name, own in names.items()}


def _beside(study: Study, ours: InversionExplanation, others: Mapping[str, Tensor], *, kept: bool) -> dict[str, float]:
    """Mean probability of what the masks of others keep or remove; each covers as much of its photo as ours."""

    def probability(masks: Tensor) -> float:
        mask = of_area(masks, ours.area)[:, None]
        seen = blend(ours.pictures, ours.backgrounds, mask if kept else 1 - mask)
        return float(own_scores(study.predict(seen), ours.class_index).mean())

    return {who: probability(masks) for who, masks in others.items()}


def of_area(masks: Tensor, areas: Tensor) -> Tensor:
    """The strongest pixels of masks ``(N, H, W)``, 1, and 0 elsewhere; so many that they cover these shares."""
    flat = masks.flatten(1)
    ranks = flat.argsort(dim=1, descending=True, stable=True).argsort(1)
    inside: Tensor = ranks < areas[:, None] * flat.shape[1]
    return inside.float().view_as(masks)


def _where_seen(made: Photos, ours: InversionExplanation, theirs: Mapping[str, Tensor]) -> dict[str, object]:
    """The share of the mass in the right photo where the classifier gives its class at least 5 %."""
    seen = ours.before >= 0.05
    few = Photos(made.pictures[seen], made.classes[seen], made.regions[seen])
    others = {who: few.mass(masks[seen]) for who, masks in theirs.items()}
    return measure(few.mass(ours.masks[seen]), mosaics=float(seen.sum()), **others)


def sheet(data: Path, seed: int) -> Image:
    """Photos and mosaics, each above what its mask keeps, with the outline; by what is kept minus what is left."""
    study = lite0_study(xw.folder(data / "imagenet_samples", SIDE))
    photos = singles(study, list(range(len(study.sources.images))))
    made, search = mosaics(photos, seed), GuidedFeatureInversion(study)
    found = search.explain(photos.pictures), search.explain(made.pictures, made.classes)
    rows = [row for one in found for row in _drawn(one)]
    drawn: Image = to_pil_image(torch.cat([torch.cat(row, 2) for row in rows], 1).clamp(0, 1))
    return drawn


def _drawn(found: InversionExplanation) -> list[list[Tensor]]:
    order = (found.kept - found.removed).argsort(descending=True).tolist()
    for row in order:
        print(f"{found.sentence(row)}, before {found.before[row]:.0%}, area {found.area[row]:.0%}")
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    draws = found.outline, found.kept_picture
    return [[resize(draw(row), [SIDE // 2, SIDE // 2]) for row in half] for half in halves for draw in draws]


def sweep(data: Path, seed: int, what: str) -> dict[str, dict[str, float]]:
    """The measures with other settings, or other values of a constant, on photos that nothing is reported of."""
    study = lite0_study(xw.folder(data / "imagenet_few", SIDE))
    photos = singles(study, study.draw(study.sources.images, TUNED_ON, seed))
    made = mosaics(photos, seed)
    if what == "search":
        return {name: _searched(study, replace(NOW, **changes), photos, made) for name, changes in SEARCHES.items()}
    where, name, values = CONSTANTS[what]
    found = {}
    for value in values:
        with patch.object(where, name, value):
            found[str(value)] = _searched(study, NOW, photos, made)
    return found


def _searched(study: Study, settings: GuidedSettings, photos: Photos, made: Photos) -> dict[str, float]:
    search = GuidedFeatureInversion(study, settings=settings)
    began = time.process_time()
    alone, among = search.explain(photos.pictures), search.explain(made.pictures, made.classes)
    seconds = (time.process_time() - began) / (2 * len(photos.pictures))
    means = {name: float(getattr(alone, name).mean()) for name in ("kept", "removed", "area")}
    return means | {"mosaic_mass": made.mass(among.masks), "cpu_s": seconds}


if __name__ == "__main__":
    main()
