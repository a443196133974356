"""The page docs/photos.md: what each method makes of photographs, from the committed results.

python benchmarks/photos/page.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "photos.md"

HEAD = """\
---
title: Photographs
---
# Photographs

What the five methods make of real photographs and a real network: EfficientNet-Lite0, which tells 1,000 classes apart,
and photos of 224 pixels, on one processor, with default settings. All numbers are of held-out photos.
`python benchmarks/photos/page.py` makes this page from what the commands have measured.
"""

TITLES = {
    "inversion": "Guided feature inversion",
    "summaries": "Visual summaries",
    "cladec": "ClaDec",
    "srae": "SRAE",
    "workbench": "All of them in one Workbench",
}

ABOUT = {
    "inversion": (
        "Start with it: it needs no fit. `kept` and `removed` are probabilities of the class for the masked photo and "
        "for the rest of it, beside masks of other methods that cover as much. A mosaic holds four photos, so it is "
        "known where the class is. Many mosaics are too small for the network to see the class at all; *where seen* "
        "counts those in which it does."
    ),
    "summaries": (
        "Needs some dozens of photos of a class. A group is sound if it is common enough and if its regions have more "
        "evidence than holes of the same shape elsewhere. Purity: how far groups agree with outlined parts of cars, "
        "over chance. The picture shows a cat, whose parts are found again in every crop. None of these groups is "
        "sound: crops of one photo are too few pictures to tell what the network uses."
    ),
    "cladec": (
        "Needs hundreds of photos, which need no labels. The numbers 8 and 16 name a layer by how much smaller than "
        "the picture its maps are. Errors are shares of that of a linear decoder; `colour kept` is 1 where all "
        "colour comes back; `agreement` is how often the predicted class of a decoded photo is that of the original. "
        "The reference is an auto-encoder: where its error is larger than ours, the comparison is void. "
        "Here the checks hold at both layers."
    ),
    "srae": (
        "Needs about a hundred photos. The class is *bee*. A high share of explained variance says that the sum of "
        "x-features is honest, not that each of them means something: it begins at the network's own weights. Random "
        "features are directions that nobody learnt."
    ),
    "workbench": "Five tabs are opened one after the other, with 1,000 classes; nothing is pressed.",
}

RUNS = {"summaries": (" --only bees --most 12", " --only cars --most 8")}
"""Options of each run, where it took more than one."""

SHEETS = {
    "inversion": ("photos.webp", "Seven photos, the outlines of their evidence, and what the masks keep"),
    "cladec": (
        "cladec_photos.webp",
        "Seven photos; what ClaDec and the auto-encoder decode of a layer at 1/8; and of one at 1/16",
    ),
    "summaries": (
        "summaries_photos.webp",
        "Crops of one cat, and four kinds of places: the bridge of the nose, the mouth, the eyes, the forehead",
    ),
    "srae": ("srae_photos.webp", "A cat, and the maps of the x-features whose sum is its score as an Egyptian cat"),
}
"""Of photos that may be shown, best and worst among them: those that other packages bring."""

TAIL = """\
## Class association embedding

Needs more photos than most people have, of things that look alike. The view says so before a fit, and *Enough
pictures?* tries it for a moment. It works for brain slices, and not for cats and dogs:
[numbers and pictures](methods/cae.md).
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    there = {name: RESULTS / f"{name}.json" for name in TITLES}
    parts = [_section(name, json.loads(path.read_text(encoding="utf-8"))) for name, path in there.items()]
    return "\n".join([HEAD, *parts[:-1], TAIL, parts[-1]])


def _section(name: str, found: Mapping[str, Any]) -> str:
    rows = ["| measure | ours | beside it |", "| --- | --- | --- |"]
    rows += [_row(measure, entry) for measure, entry in found["measures"].items() if measure != "details"]
    file, alt = SHEETS.get(name, ("", ""))
    drawn = f"\n![{alt}]({file})\n" if (DOCS / file).is_file() else ""
    runs = [f"`python benchmarks/photos/{name}.py --data DIR{options}`" for options in RUNS.get(name, ("",))]
    table = "\n".join(rows)
    return f"## {TITLES[name]}\n\n{ABOUT[name]}\n{drawn}\n{' and '.join(runs)}\n\n{table}\n"


def _row(measure: str, entry: Mapping[str, Any]) -> str:
    beside = ", ".join(f"{who.replace('_', ' ')} {_number(value)}" for who, value in entry["baselines"].items())
    return f"| {measure.replace('_', ' ')} | {_number(entry['value'])} | {beside} |"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
