"""Compare crisp masks with the published ones, on the demo's unseen birds.

    python benchmarks/masks.py
    python benchmarks/masks.py --pictures 100 --alone 5 --cheat

Prints how good the masks of both are, and how many each finds in a second: ours all pictures at once, the published
ones one picture after the other, as published. The published baseline, scaled to pictures this small, hides next to
nothing; so its masks are also shown with our baselines.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import torch

import xai_widgets as xw
from xai_widgets.data.birds import PARTS, SLOT_PARTS
from xai_widgets.methods.summaries.masks import STRONG, CrispMasks
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.scores.bird_cases import Cases, draw_cases

RUNS = 3

HIT = 0.25
"""A part counts as hit if at least this share of it is in one of the masks."""


def main() -> None:
    """Find masks and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--alone", type=int, default=5, help="pictures that are masked one by one, for the speed")
    parser.add_argument("--cheat", action="store_true")
    given = parser.parse_args()
    study = xw.demo(cheat=given.cheat)
    cases = draw_cases(study, given.pictures, seed=0)
    makers = {
        "default": CrispMasks(study),
        "sufficient": CrispMasks.sufficient(study),
        "paper": CrispMasks.paper(study),
        "paper, our baselines": CrispMasks.paper(study, baselines=STRONG),
    }
    numbers = {name: measures(maker.find(cases.pictures), cases) for name, maker in makers.items()}
    paper = makers["paper, our baselines"]
    speeds = {
        "default, all at once": per_second(lambda: makers["default"].find(cases.pictures), len(cases)),
        "paper, one by one": per_second(
            lambda: [paper.find(one) for one in cases.pictures[: given.alone]], min(given.alone, len(cases))
        ),
    }
    ratio = speeds["default, all at once"] / speeds["paper, one by one"]
    print(json.dumps(numbers | {"masks_per_second": speeds, "times_as_fast": round(ratio, 1)}, indent=2))


def per_second(find: Callable[[], object], count: int) -> float:
    """Masks per second of the fastest of a few runs: others may want the machine, too."""
    seconds = []
    for _ in range(RUNS):
        start = perf_counter()
        find()
        seconds.append(perf_counter() - start)
    return round(count / min(seconds), 3)


def measures(masks: Masks, cases: Cases) -> dict[str, float]:
    """Scores and crispness of the first masks; precision and parts hit of all of them."""
    slots = deciding_parts(cases)
    on_parts = (masks.masks & slots.any(1, keepdim=True)).sum((2, 3)) / masks.masks.sum((2, 3)).clamp_min(1)
    share = (masks.masks.any(1, keepdim=True) & slots).sum((2, 3)) / slots.sum((2, 3)).clamp_min(1)
    values = {
        "baseline_score": masks.baseline_score.mean(),
        "kept": masks.kept[:, 0].mean(),
        "removed": masks.removed[:, 0].mean(),
        "area": masks.area[:, 0].mean(),
        "crispness": masks.crispness[:, 0].mean(),
        "mask_precision": on_parts[masks.found].mean(),
        "part_hit": (share >= HIT)[slots.any(3).any(2)].float().mean(),
        "masks_per_picture": masks.found.float().sum(1).mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def deciding_parts(cases: Cases) -> torch.Tensor:
    """Where each slot of each bird is, bool ``(N, 5, H, W)``; with cues, where these are, ``(N, 1, H, W)``."""
    if cases.has_cue:
        return cases.cues[:, None]
    maps = torch.stack([torch.from_numpy(cases.birds.part_map(place)).long() for place in cases.places.tolist()])
    numbers = [torch.tensor([PARTS[part] for part in parts]) for parts in SLOT_PARTS.values()]
    return torch.stack([torch.isin(maps, slot) for slot in numbers], 1)


if __name__ == "__main__":
    main()
