"""Fits, saves and exports, and is killed at random moments; run by ``test_killed.py`` in a process of its own.

Importing torch takes seconds, and so it is imported once: children are forked, and count the lines they run of the
modules that write files, until they kill themselves.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from xai_widgets import artifact, files
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in
from xai_widgets.study import Study

MOMENTS = 20
WRITERS = ("artifact.py", "files.py", "checkpoint.py", "resume.py", "training.py", "run.py")
FILES = {"run.json", "cladec.safetensors", "page.html"}
PAGES = {seed: f"page of {seed} ".encode() * 10_000 for seed in (0, 1)}


class Pictures:
    class_names = ("dark", "bright")

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.full((1, 8, 8), (index % 4) / 4), int(index % 4 > 1)


def new_study():
    torch.manual_seed(0)
    layers = OrderedDict(
        maps=nn.Conv2d(1, 3, 3, 2, 1),
        act=nn.ReLU(),
        pool=nn.AdaptiveAvgPool2d(1),
        flat=nn.Flatten(),
        logits=nn.Linear(3, 2),
    )
    return Study(nn.Sequential(layers).eval(), Pictures())


def work(folder, seed):
    """What a user does: fit with a checkpoint, keep it in a run, and write a page."""
    study = keep_in(new_study(), folder / "run")
    study.explainers.pop("cladec", None)
    explainer = ClaDec(study, "act", reference=None, epochs=2, width=2, pictures=8, seed=seed)
    keep(explainer.fit(progress=Progress(), checkpoint=folder / "unfinished"))
    files.write(folder / "page.html", PAGES[seed])


def traced(seen):
    """A tracer that calls `seen` before each line of the modules that write."""

    def on_line(frame, event, _):
        if event == "line":
            seen()
        return on_line

    return lambda frame, event, _: on_line if Path(frame.f_code.co_filename).name in WRITERS else None


def lines_of_work(folder):
    lines = []
    sys.settrace(traced(lambda: lines.append(None)))
    work(folder, 1)
    sys.settrace(None)
    return len(lines)


def killed(folder, moment):
    """Work in a child that kills itself before that line."""
    child = os.fork()
    if not child:
        left = iter(range(moment, 0, -1))
        sys.settrace(traced(lambda: next(left) == 1 and os.kill(os.getpid(), signal.SIGKILL)))
        work(folder, 1)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def tensors(folder):
    return artifact.load(folder / "run" / "cladec", "cladec")[0]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def main(root):
    old, new = root / "old", root / "new"
    dice = random.Random(5)  # noqa: S311  (no secrets)
    work(old, 0)
    lines = lines_of_work(new)
    for number, moment in enumerate(sorted(dice.sample(range(1, lines + 1), MOMENTS))):
        folder = root / f"{number}"
        shutil.copytree(old, folder)
        killed(folder, moment)
        assert any(same(tensors(folder), tensors(one)) for one in (old, new)), moment
        assert (folder / "page.html").read_bytes() in PAGES.values(), moment
        work(folder, 1)  # goes on from there, to the same end
        assert same(tensors(folder), tensors(new)), moment
        assert (folder / "page.html").read_bytes() == PAGES[1]
        assert {path.name for path in folder.rglob("*") if path.is_file()} == FILES, moment
    sys.stdout.write(f"{lines} lines\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
