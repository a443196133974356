"""What all measurements on photos share: EfficientNet-Lite0 with photos of real things, and how numbers are printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import xai_widgets as xw
from xai_widgets.photos import lite0_study

SIDE = 224


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every measurement has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ants_bees, imagenet_samples, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", default="", metavar="FILE", help="write the numbers there; - prints them")
    return parser


def ants_bees(data: Path) -> xw.Study:
    """Lite0 with ants and bees; `test` holds the folder of that name."""
    train, test = (xw.folder(data / "ants_bees" / part, SIDE) for part in ("train", "test"))
    return lite0_study(train, test=test, labels={"ants": "ant", "bees": "bee"}, name="ants and bees")


def measure(value: float, **baselines: float) -> dict[str, Any]:
    """One number with the numbers of trivial answers."""
    return {"value": value, "baselines": baselines}


def report(measures: Mapping[str, Any], where: str) -> None:
    """Print the numbers, or write them."""
    text = json.dumps({"measures": measures, "torch": torch.__version__}, indent=2)
    if where in ("", "-"):
        print(text)
    else:
        Path(where).write_text(text + "\n", encoding="utf-8")
