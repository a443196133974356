"""`xai-widgets train-demo`: the demo's classifiers and explainers, trained anew."""

from __future__ import annotations

import argparse
from typing import Any

from xai_widgets.cli.terminal import number, require_folder, say
from xai_widgets.cli.typed import path
from xai_widgets.limits import SEED


def add(commands: Any) -> None:
    """Add the command to `xai-widgets`."""
    parser = commands.add_parser("train-demo", help="train the demo's classifiers and explainers again")
    parser.set_defaults(run=_train_demo)
    parser.add_argument("--out", type=path, metavar="DIR", help="where the weights go (default: into the package)")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="NAME",
        help="train these explainers only, such as honest-cae, for the shipped classifiers (default: all)",
    )  # fmt: skip
    parser.add_argument("--seed", type=number(SEED), default=0, help="seed of pictures, weights and order (default: 0)")


def _train_demo(given: argparse.Namespace) -> None:
    from xai_widgets.demos import WEIGHTS, train_demo  # noqa: PLC0415
    from xai_widgets.progress import bar  # noqa: PLC0415

    folder = require_folder(given.out or WEIGHTS, "--out")
    with bar() as progress:
        train_demo(folder, only=given.only, seed=given.seed, progress=progress)
    say(f"Wrote the demo's weights to {folder}")
