"""Visual summaries of photos: bees as EfficientNet-Lite0 sees them, and cars whose parts are outlined.

    python benchmarks/photos/summaries.py --data DIR --json -
    python benchmarks/photos/summaries.py --data DIR --gallery FOLDER
    python benchmarks/photos/summaries.py --data DIR --sheet FILE      # groups of a cat that may be shown
    python benchmarks/photos/summaries.py --data DIR --sweep cells=6,8,10,14
    python benchmarks/photos/summaries.py --data DIR --sweep kinds=4,6,8,12

`kept` and `deleted` are shares of the class's probability in the whole picture; `sound_groups` counts the groups that
pass all checks; `part_purity_ratio` is the share of the groups' pixels that lie on each group's own part, over that of
the same groups with each region at another place, of all groups and of the sound ones. A network that tells fronts of
cars from backs is trained first, on other cars. A sweep is of a setting of the masks (other bees), of `kinds`,
`directions`, the `layer` or the share that a `core` keeps (ants).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from cars import SIDES, Cars
from cars import study as two_sided
from common import SIDE, ants_bees, arguments, measure, report
from PIL.Image import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

import xai_widgets as xw
from xai_widgets.data.bundled_photos import PHOTOS, BundledPhotos
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.methods.masking.references import REFERENCES
from xai_widgets.methods.summaries import cores
from xai_widgets.methods.summaries.causal import elsewhere
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.summarised import summarised
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.photos import lite0_study
from xai_widgets.published import imagenet_names

CHANCES = 8
"""So often are regions moved to other places, to know how pure their groups are by chance."""

BEES, CARS = 24, 16
"""Pictures of a class, if no other number is given."""

CROPS, WIDER = 12, 320
"""Crops for a sheet, of a photo of so many pixels a side."""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--most", type=int, help="pictures of a class")
    parser.add_argument("--only", choices=("bees", "cars"), help="measure only these")
    parser.add_argument("--gallery", type=Path, metavar="FOLDER", help="write pictures of all groups there")
    parser.add_argument("--sweep", metavar="SETTING=A,B,...", help="compare values of one setting")
    parser.add_argument("--sheet", type=Path, help="draw groups of a cat instead")
    given = parser.parse_args()
    if given.sweep:
        print(json.dumps(sweep(given), indent=2))
        return
    if given.sheet:
        sheet(given.seed, given.sheet)
        return
    parts = {"bees": bees, "cars": cars}
    found = {name: part(given) for name, part in parts.items() if given.only in (None, name)}
    report({name: value for part in found.values() for name, value in part.items()}, given.json)


# --- bees ----------------------------------------------------------------------------------------------------------


def bees(given: argparse.Namespace) -> dict[str, Any]:
    """Masks and groups of unseen bees."""
    study = ants_bees(given.data)
    began = process_time()
    found = VisualSummaries(study, pictures=study.test, most=given.most or BEES, seed=given.seed).find("bee")
    seconds = (process_time() - began) / len(found.masks)
    write_gallery(found, given.gallery, "bees")
    rivals = others(study, found.masks)
    shares = {name: answers(study, found.masks, ranks > 0.5) for name, ranks in rivals.items()}
    counts = {name: len(instead(study, found, rivals[name], given.seed).kept) for name in ("random", "grad_cam")}
    own, other_fill = (answers(study, found.masks, found.masks.masks[:, :1], fill) for fill in (None, "mean"))
    return {
        "kept": measure(own[0], **{name: share[0] for name, share in shares.items()}),
        "deleted": measure(own[1], **{name: share[1] for name, share in shares.items()}),
        "kept_on_grey": measure(other_fill[0]),
        "deleted_to_grey": measure(other_fill[1]),
        "area": measure(float(found.masks.area[:, 0].mean())),
        "pictures": measure(len(found.masks)),
        "sound_groups": measure(len(found.kept), **counts),
        "least_evidence": measure(min((one.evidence_low for one in found.kept), default=float("nan"))),
        "cpu_seconds_per_picture": measure(seconds),
    }


def answers(study: xw.Study, masks: Masks, regions: Tensor, fill: str | None = None) -> tuple[float, float]:
    """Mean shares of the probability with only the regions ``(N, 1, H, W)``, at most 1 each, and without them."""
    fills = masks.baselines if fill is None else REFERENCES[fill](study, masks.pictures, masks.class_index)
    changed = torch.where(regions, masks.pictures, fills), torch.where(regions, fills, masks.pictures)
    kept, deleted = (own_scores(study.predict(one), masks.class_index) / masks.before for one in changed)
    return float(kept.clamp_max(1).mean()), float(deleted.mean())


# --- trivial regions -----------------------------------------------------------------------------------------------


def others(study: xw.Study, masks: Masks) -> dict[str, Tensor]:
    """Ranks ``(N, 1, H, W)`` of pixels, by who made them: of masks at other places, by the middle, by Grad-CAM.

    Those above 1/2 are regions of the masks' areas.
    """
    shapes = masks.masks[:, 0]
    sizes = shapes.sum((1, 2)).tolist()
    rows, columns = (torch.arange(side).float() - (side - 1) / 2 for side in shapes.shape[1:])
    middle = -(rows[:, None] ** 2 + columns**2).expand(shapes.shape)
    return {
        "random": elsewhere(shapes, torch.zeros_like(shapes), seed=0)[:, None].float(),
        "centre": highest(middle, sizes),
        "grad_cam": highest(grad_cam(study, masks.pictures, masks.class_index), sizes),
    }


def highest(maps: Tensor, sizes: Sequence[int]) -> Tensor:
    """Ranks ``(N, 1, H, W)`` in [0, 1] of the pixels of each map ``(N, H, W)``, so many of each above 1/2."""
    ranks = maps.flatten(1).argsort(1, descending=True).argsort(1).view_as(maps)
    return (1 - ranks / (2 * torch.tensor(sizes)[:, None, None])).clamp_min(0)[:, None]


def grad_cam(study: xw.Study, pictures: Tensor, classes: Tensor) -> Tensor:
    """Grad-CAM of the last block that gives maps, ``(N, H, W)``."""
    layer = [block.name for block in study.blocks() if block.places and min(block.places) > 1][-1]
    found = []

    def leaf(maps: Tensor) -> Tensor:
        found.append(maps.detach().requires_grad_())
        return found[-1].clone()

    for number, (batch, own) in enumerate(zip(pictures.split(8), classes.split(8), strict=True)):
        with study.borrowed(), torch.enable_grad():
            score = own_scores(study.forward_replacing(batch, layer, leaf), own).sum()
            slopes = torch.autograd.grad(score, found[number])[0]
        maps = (found[number] * slopes.mean((2, 3), keepdim=True)).sum(1, keepdim=True).relu().detach()
        found[number] = F.interpolate(maps, pictures.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return torch.cat(found)


def instead(study: xw.Study, found: ClassSummaries, ranks: Tensor, seed: int) -> ClassSummaries:
    """Summaries of other regions of the same pictures, cut, grouped and judged in the same way."""
    swapped = replace(found.masks, masks=ranks > 0.5, soft=ranks)
    cut, similarity, groups = summarised(study, swapped, found.origin["layer"], seed=seed)
    return replace(found, masks=swapped, regions=cut, similarity=similarity, summaries=groups)


# --- cars ----------------------------------------------------------------------------------------------------------


def cars_study(given: argparse.Namespace, *, tuning: bool = False) -> xw.Study:
    """A network that tells fronts of cars from backs, trained with the half that is for training and tuning."""
    every = Cars.shuffled(given.data, given.seed)
    train, test = every.part(slice(0, None, 2)), every.part(slice(1, None, 2))
    return two_sided(train, train if tuning else test, name="cars")


def cars(given: argparse.Namespace, *, tuning: bool = False) -> dict[str, Any]:
    """How pure the groups of regions of unseen cars are."""
    study = cars_study(given, tuning=tuning)
    test = study.test
    pictures, labels = study.load(test, range(len(test)))
    right = float((study.predict(pictures).argmax(1) == labels).float().mean())
    summaries = VisualSummaries(study, pictures=test, most=given.most or CARS, seed=given.seed)
    each = [summaries.find(side) for side in SIDES]
    for found in each:
        write_gallery(found, given.gallery, f"cars-{found.class_name}")
    by_cam = [instead(study, one, others(study, one.masks)["grad_cam"], given.seed) for one in each]
    own, rival = ratios(each, test), ratios(by_cam, test)
    kept, deleted = np.mean([answers(study, one.masks, one.masks.masks[:, :1]) for one in each], axis=0)
    return {
        "part_purity_ratio": measure(own["ratio"], chance=1.0, grad_cam=rival["ratio"]),
        "part_purity_ratio_of_sound_groups": measure(
            own["sound_ratio"], chance=1.0, grad_cam=rival["sound_ratio"], all_groups=own["ratio"]
        ),
        "part_purity": measure(own["purity"], elsewhere=own["chance"], grad_cam=rival["purity"]),
        "part_purity_of_regions": measure(own["regions"], shuffled=own["shuffled"], grad_cam=rival["regions"]),
        "cars_sound_groups": measure(sum(len(one.kept) for one in each)),
        "cars_kept": measure(float(kept)),
        "cars_deleted": measure(float(deleted)),
        "cars_accuracy": measure(right, majority=float(labels.bincount().max() / len(labels))),
    }


def ratios(each: Sequence[ClassSummaries], cars: Cars) -> dict[str, float]:
    """Purity of the groups of all classes, and by chance: pixel by pixel, and region by region."""
    each_class = [purities(one, cars) for one in each]
    found = {name: float(np.nanmean([row[name] for row in each_class])) for name in each_class[0]}
    return found | {"ratio": found["purity"] / found["chance"], "sound_ratio": found["sound"] / found["sound_chance"]}


def purities(found: ClassSummaries, cars: Cars) -> dict[str, float]:
    """Shares of the groups' pixels on the part that each group shows most, and of their regions that show it most."""
    where = torch.stack([cars.where(index) for index in found.indices.tolist()])
    pixels = torch.stack([region.pixels for region in found.regions])
    pictures = torch.tensor([region.picture for region in found.regions])

    def lying(there: Tensor) -> Tensor:
        return (where[pictures] & there[:, None]).sum((2, 3)).double()

    on = lying(pixels)
    moved = [lying(elsewhere(pixels, torch.zeros_like(pixels), seed=seed)) for seed in range(CHANCES)]
    groups, kept = ([list(one.members) for one in some] for some in (found.summaries, found.kept))
    seen = torch.where(on.sum(1) > 0, on.argmax(1), -1)
    shuffled = seen[torch.from_numpy(np.random.default_rng(0).permutation(len(seen)))]
    area = pixels.sum((1, 2))
    return {
        "purity": pure(on, area, groups),
        "chance": float(np.mean([pure(one, area, groups) for one in moved])),
        "sound": pure(on, area, kept),
        "sound_chance": float(np.mean([pure(one, area, kept) for one in moved])),
        "regions": commonest(seen, groups),
        "shuffled": commonest(shuffled, groups),
    }


def pure(on: Tensor, area: Tensor, groups: Sequence[list[int]]) -> float:
    """Share of the groups' pixels on each group's commonest part: from those of each region on each part ``(R, P)``."""
    every = sum(int(area[own].sum()) for own in groups)
    return float(sum(on[own].sum(0).max() for own in groups) / every) if every else float("nan")


def commonest(seen: Tensor, groups: Sequence[Sequence[int]]) -> float:
    """Share of the regions that are of the commonest kind of their group."""
    return sum(int((seen[own] + 1).bincount().max()) for own in groups) / len(seen)


# --- pictures and sweeps -------------------------------------------------------------------------------------------


def write_gallery(found: ClassSummaries, folder: Path | None, name: str) -> None:
    """A row of members for each group, the sound ones first."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    drawn(found).save(folder / f"{name}.png")
    lines = [f"{one.sentence()} {'; '.join(one.problems)}" for one in found.summaries]
    (folder / f"{name}.txt").write_text("\n".join([found.verdict(), *lines]))


def drawn(found: ClassSummaries) -> Image:
    """A row of members for each group, the sound ones first."""
    blank = torch.ones_like(found.masks.pictures[0])
    rows = []
    for one in found.summaries:
        shown = [found.outline(member) for member in one.members[:10]]
        rows += shown + [blank] * (10 - len(shown))
    whole: Image = to_pil_image(make_grid(F.interpolate(torch.stack(rows), scale_factor=0.5), nrow=10))
    return whole


def sheet(seed: int, file: Path) -> None:
    """Groups of crops of the cat that scikit-image brings, every second one mirrored."""
    photo = BundledPhotos(WIDER)[[photo.shows for photo in PHOTOS].index("a cat")][0]
    begins = torch.randint(WIDER - SIDE + 1, (CROPS, 2), generator=torch.Generator().manual_seed(seed)).tolist()
    crops = [photo[:, top : top + SIDE, left : left + SIDE] for top, left in begins]
    label = imagenet_names().index("Egyptian cat")
    cats = [(crop.flip(-1) if number % 2 else crop, label) for number, crop in enumerate(crops)]
    found = VisualSummaries(lite0_study(cats), most=CROPS, seed=seed).find("Egyptian cat")
    print(found.verdict(), *[f"{one.sentence()} {'; '.join(one.problems)}" for one in found.summaries], sep="\n")
    drawn(found).save(file, quality=82)


def sweep(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """What each value of one setting does to photos that nothing else is measured on."""
    name, _, values = given.sweep.partition("=")
    study = ants_bees(given.data)
    if name in ("kinds", "layer", "directions", "core"):
        found = VisualSummaries(study, most=given.most or BEES, seed=given.seed).find("ant")
        return {value: of_groups(study, found, **{name: value}) for value in values.split(",")}
    order = study.draw(study.train, len(study.train), given.seed)
    pictures, labels = study.load(study.train, order)
    bee = study.class_index("bee")
    chosen = pictures[(labels == bee) & (study.predict(pictures).argmax(1) == bee)][: given.most or BEES]
    return {value: of_masks(study, chosen, bee, **{name: json.loads(value)}) for value in values.split(",")}


def of_masks(study: xw.Study, pictures: Tensor, target: int, **setting: Any) -> dict[str, float]:
    """`kept` and `deleted` of pictures of a class with one other setting."""
    began = process_time()
    masks = CrispMasks(study, settings=DualSettings.suited(SIDE, **setting)).find(pictures, target)
    seconds = (process_time() - began) / len(masks)
    kept, deleted = answers(study, masks, masks.masks[:, :1])
    area = float(masks.area[:, 0].mean())
    return {"kept": kept, "deleted": deleted, "area": area, "cpu_seconds_per_picture": seconds}


def of_groups(
    study: xw.Study, found: ClassSummaries, layer: str = "", core: str = "", **counts: str
) -> dict[str, float]:
    """How many groups of the same masks pass the checks, with one other setting."""
    given = {"count" if name == "kinds" else name: int(value) for name, value in counts.items()}
    with patch.object(cores, "CORE", float(core or cores.CORE)):
        _, _, groups = summarised(study, found.masks, layer or found.origin["layer"], **given)
    means = {name: float(np.mean([getattr(one, name) for one in groups])) for name in ("stability", "coherence")}
    return {"groups": len(groups), "sound": sum(one.sound for one in groups), **means}


if __name__ == "__main__":
    main()
