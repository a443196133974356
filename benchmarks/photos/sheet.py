"""The README's photos: each above the outline of its evidence and what the mask keeps, with the numbers printed.

python benchmarks/photos/sheet.py                      # docs/photos.webp
python benchmarks/photos/sheet.py --out photos.webp
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torchvision.transforms.functional import resize, to_pil_image

import xai_widgets as xw

DOCS = Path(__file__).parents[2] / "docs" / "photos.webp"
SIDE = 160
"""Pixels of a photo on the sheet."""


def main() -> None:
    """Explain the predicted class of each photo, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DOCS)
    out = parser.parse_args().out
    study = xw.photo_demo()
    photos, _ = study.load(study.test, range(len(study.test)))
    found = xw.GuidedFeatureInversion(study).explain(photos)
    for row, chances in enumerate(study.predict(photos)):
        best = int(chances.argmax())
        kept, removed, area = (float(each[row]) for each in (found.kept, found.removed, found.area))
        print(
            f"{study.class_names[best]:18} {chances[best]:.2f}  kept {kept:.2f}  removed {removed:.2f}  area {area:.2f}"
        )
    rows = [list(photos), *([draw(row) for row in range(len(photos))] for draw in (found.outline, found.kept_picture))]
    whole = torch.cat([torch.cat([resize(one, [SIDE, SIDE]) for one in row], 2) for row in rows], 1)
    to_pil_image(whole.clamp(0, 1)).save(out, quality=82)


if __name__ == "__main__":
    main()
