"""Contact sheets: pictures with their counterfactuals, evenly from the best to the worst, which is always there.

python -m benchmarks.contact_sheet                        # docs/counterfactual_birds.webp, of the demo's birds
python -m benchmarks.contact_sheet --out /tmp/birds.webp
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

import xai_widgets as xw
from xai_widgets.progress import bar
from xai_widgets.scores import cae_answers
from xai_widgets.scores import counterfactual_measures as measured
from xai_widgets.scores.bird_cases import draw_cases

SHOWN, COLUMNS = 12, 6
WIDTH, GAP, LINE = 128, 6, 13
"""Pixels of a picture on the sheet, about; of what is between two; of a line."""

BIRDS = Path(__file__).parents[1] / "docs" / "counterfactual_birds.webp"
SEED = 1


def evenly(scores: Tensor, count: int = SHOWN) -> list[int]:
    """Places of so many of the scores ``(N,)``, in equal steps of rank, the best one first and the worst one last."""
    order = scores.argsort(descending=True)
    return order[torch.linspace(0, len(order) - 1, min(count, len(order))).round().long()].tolist()


def sheet(cases: Sequence[Sequence[Tensor]], captions: Sequence[str]) -> Image.Image:
    """One strip for each case: its pictures ``(C, H, W)`` below each other, with a caption of lines above."""
    scale = max(1, round(WIDTH / cases[0][0].shape[2]))
    height, width = (scale * side + GAP for side in cases[0][0].shape[1:])
    head = LINE * (1 + max(caption.count("\n") for caption in captions)) + GAP
    band = head + height * len(cases[0]) + GAP
    rows = -(-len(cases) // COLUMNS)
    made = Image.new("RGB", (COLUMNS * width + GAP, rows * band), "white")
    pen = ImageDraw.Draw(made)
    for i, (pictures, caption) in enumerate(zip(cases, captions, strict=True)):
        left, top = GAP + i % COLUMNS * width, i // COLUMNS * band
        pen.multiline_text((left, top + 1), caption, fill="black", spacing=2)
        for k, picture in enumerate(pictures):
            made.paste(_image(picture, scale), (left, top + head + k * height))
    return made


def _image(picture: Tensor, scale: int) -> Image.Image:
    pixels = (picture.expand(3, -1, -1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return Image.fromarray(pixels).resize(
        [scale * side for side in reversed(picture.shape[1:])], Image.Resampling.NEAREST
    )


def bird_sheet(study: xw.Study) -> Image.Image:
    """Birds with their counterfactuals for 95 %, and what they would truly look like."""
    cases = draw_cases(study, 200, SEED)
    with bar() as progress:
        found = cae_answers.walk(study.explainers["cae"], "straight", cases, progress)
    gains = measured.psnr_gain(cases.pictures, found.likely.after, cases.truths)
    chosen, names = evenly(gains), study.class_names
    pairs = [(names[int(cases.sources[i])], names[int(cases.targets[i])]) for i in chosen]
    captions = [
        f"{source} to\n{target}\n{float(gains[i]):+.1f} dB" for i, (source, target) in zip(chosen, pairs, strict=True)
    ]
    return sheet([(cases.pictures[i], found.likely.after[i], cases.truths[i]) for i in chosen], captions)


def main() -> None:
    """Write the sheet of the demo's birds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=BIRDS)
    out = parser.parse_args().out
    bird_sheet(xw.demo()).save(out, quality=85)
    print(f"{out}: {out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
