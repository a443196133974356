"""What it takes to explain a hundred thousand small pictures: memory, listing, and speed in one process and in two.

    python benchmarks/scale.py --json -
    python benchmarks/scale.py --count 20000

The pictures are those of Fashion-MNIST, again and again, where it is installed (``--fashion`` names its folder); else
drawn birds. The classifier is a small network that learns for seconds.

``memory_ratio``: peak memory with all pictures over that with 1,000. ``list_s``, ``list_again_s``: to list a folder of
50,000 files, and again. ``throughput_ratio``: speed of `explain_all`, with its start, over that of `explain` on batches
in memory, in CPU time and in turns, of guided feature inversion as it is by default and ``speed_count`` pictures; the
start (``start_cpu_s``) loads libraries for tables, and begins and ends a run of eight pictures.
``throughput_ratio_later`` is the same without it. ``two_process_ratio``: speed of two processes over that of one, in
seconds on the clock, one thread each. ``two_process_ceiling`` is the same of `explain` alone, in two processes that
know nothing of each other: what the machine gives. ``two_process_share`` is the first over the second. They mean
something only where nothing else runs, so ``cores`` and the ``load`` are reported beside them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress, bar
from xai_widgets.recipe import Recipe
from xai_widgets.scale.explain_all import explain_all
from xai_widgets.scale.listing import ListedFolder
from xai_widgets.scale.ranks import Ranks
from xai_widgets.scale.rows import picture
from xai_widgets.study import Study
from xai_widgets.training import Step, train

FASHION = Path("/usr/share/datasets/fashion-mnist")
SIDE, FEW, FILES, SPEED, PART, PROCESSES, ROUNDS = 28, 1000, 50_000, 8192, 2048, 4096, 3
"""Pixels of a side, and how many pictures or files each measurement takes."""


class Repeated:
    """So many pictures: those there are, again and again."""

    class_names = tuple(map(str, range(10)))

    def __init__(self, count: int, pixels: Tensor, labels: Tensor) -> None:
        self.count, self.pixels, self.given = count, pixels, labels

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.pixels[index % len(self.pixels)].float() / 255, int(self.given[index % len(self.pixels)])


def pictures(folder: Path) -> tuple[Tensor, Tensor]:
    """All there are, uint8 ``(N, 1, 28, 28)``, and their classes."""
    if not folder.is_dir():
        birds = BirdPictures(5000, species=8, size=SIDE)
        drawn = [(birds[i][0].mean(0, keepdim=True) * 255).to(torch.uint8) for i in range(len(birds))]
        return torch.stack(drawn), torch.tensor(birds.labels)
    parts = ("train", "t10k")
    pixels = [_read(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, SIDE, SIDE) for part in parts]
    labels = [_read(folder / f"{part}-labels-idx1-ubyte.gz", 8) for part in parts]
    return torch.from_numpy(np.concatenate(pixels)), torch.from_numpy(np.concatenate(labels)).long()


def _read(path: Path, head: int) -> Any:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=head)


def study(pixels: Tensor, labels: Tensor) -> Study:
    """A small classifier, trained on 4,000 of the pictures."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))

    def loss(step: Step) -> Tensor:
        return nn.functional.cross_entropy(model(pixels[step.indices].float() / 255), labels[step.indices])

    train(model, loss, 4000, Recipe(epochs=4, seed=0), progress=Progress())
    return Study(model, Repeated(4000, pixels, labels), name="Fashion")


# --- one run, in a process of its own ------------------------------------------------------------------------------


def inside(count: int, out: Path, fashion: Path, *, speed: bool, bare: bool) -> dict[str, float]:
    """Seconds and peak megabytes of a run; or with `speed`, CPU seconds of runs and of the method alone, in turn.

    With `bare`, seconds of the method alone.
    """
    torch.set_num_threads(1)
    pixels, labels = pictures(fashion)
    own = study(pixels, labels)
    explainer = GuidedFeatureInversion(own) if speed else GuidedFeatureInversion.fast(own)
    if bare:
        return _bare(explainer, Repeated(count, pixels, labels))
    began = time.process_time()
    explain_all(
        explainer, Repeated(8, pixels, labels), out.with_name(f"warm{Ranks.here().number}"), progress=Progress()
    )
    start = time.process_time() - began
    if speed:
        turns = [
            _turn(explainer, Repeated(PART, pixels, labels), out.with_name(f"out{i}")) for i in range(count // PART)
        ]
        return {"cpu": sum(run for run, _ in turns), "alone": sum(alone for _, alone in turns), "start": start}
    began, cpu = time.perf_counter(), time.process_time()
    with Progress() if Ranks.here().number or count <= PROCESSES else bar() as progress:
        explain_all(explainer, Repeated(count, pixels, labels), out, progress=progress)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "peak": _peak()}


def _bare(explainer: GuidedFeatureInversion, data: Repeated) -> dict[str, float]:
    """Seconds of `explain` on batches in memory, without a table."""
    loaded, _ = explainer.study.load(data, range(len(data)))
    explainer.explain(loaded[:8])
    began = time.perf_counter()
    for batch in loaded.split(explainer.study.batch_size):
        explainer.explain(batch)
    return {"seconds": time.perf_counter() - began}


def _turn(explainer: GuidedFeatureInversion, data: Repeated, out: Path) -> tuple[float, float]:
    """CPU seconds of a run, and of `explain` on the same batches, in memory."""
    loaded, _ = explainer.study.load(data, range(len(data)))
    began = time.process_time()
    explain_all(explainer, data, out, progress=Progress())
    between = time.process_time()
    for batch in loaded.split(explainer.study.batch_size):
        explainer.explain(batch)
    return between - began, time.process_time() - between


def _peak() -> float:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def begin(count: int, fashion: Path, out: Path, *, speed: bool = False, bare: bool = False, processes: int = 1) -> Any:
    """The same, in new processes, which write what they found to a file."""
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    line = [sys.executable, *(several if processes > 1 else []), __file__, "--fashion", str(fashion)]
    line += ["--inside", str(out), "--count", str(count)]
    line += [*(["--speed"] if speed else []), *(["--bare"] if bare else [])]
    return subprocess.Popen(line, env=os.environ | {"OMP_NUM_THREADS": "1"})


def run(count: int, fashion: Path, **how: Any) -> dict[str, float]:
    """The same, and wait for them."""
    with tempfile.TemporaryDirectory() as folder:
        return _ended(begin(count, fashion, Path(folder, "found.json"), **how), Path(folder, "found.json"))


def _ended(process: subprocess.Popen[bytes], out: Path) -> dict[str, float]:
    if process.wait():
        raise SystemExit(f"a process ended with {process.returncode}")
    found: dict[str, float] = json.loads(out.read_text())
    return found


def ceiling(fashion: Path) -> float:
    """Speed of two processes that know nothing of each other over that of one: what the machine gives."""
    one = run(PROCESSES // 2, fashion, bare=True)["seconds"]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name, "found.json") for name in ("a", "b")]
        for file in files:
            file.parent.mkdir()
        begun = [begin(PROCESSES // 2, fashion, file, bare=True) for file in files]
        both = [_ended(process, file)["seconds"] for process, file in zip(begun, files, strict=True)]
    return 2 * one / max(both)


# --- all -----------------------------------------------------------------------------------------------------------


def listing() -> tuple[float, float]:
    """Seconds to list a folder of very many files, and to list it again."""
    with tempfile.TemporaryDirectory() as folder:
        content = picture(np.zeros((8, 8, 3), np.uint8))["bytes"]
        for i in range(FILES):
            file = Path(folder, "pictures", f"class{i % 100}", f"{i}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        began = time.perf_counter()
        ListedFolder(Path(folder, "pictures"), (8, 8), cache=Path(folder))
        between = time.perf_counter()
        ListedFolder(Path(folder, "pictures"), (8, 8), cache=Path(folder))
        return between - began, time.perf_counter() - between


def _two(fashion: Path) -> float:
    return run(PROCESSES, fashion)["seconds"] / run(PROCESSES, fashion, processes=2)["seconds"]


def measured(count: int, fashion: Path) -> dict[str, Any]:
    """All numbers."""
    first, again = listing()
    speed = run(SPEED, fashion, speed=True)
    load, rounds = os.getloadavg()[0], [(_two(fashion), ceiling(fashion)) for _ in range(ROUNDS)]
    ratio, most = (statistics.median(column) for column in zip(*rounds, strict=True))
    few, all_of_them = run(FEW, fashion), run(count, fashion)
    return {
        "count": count,
        "list_s": first,
        "list_again_s": again,
        "throughput_ratio": speed["alone"] / (speed["cpu"] + speed["start"]),
        "throughput_ratio_later": speed["alone"] / speed["cpu"],
        "start_cpu_s": speed["start"],
        "speed_count": SPEED,
        "pictures_per_cpu_second": SPEED / speed["cpu"],
        "two_process_ratio": ratio,
        "two_process_ceiling": most,
        "two_process_share": statistics.median(two / top for two, top in rounds),
        "two_process_rounds": rounds,
        "memory_ratio": all_of_them["peak"] / few["peak"],
        "peak_mb": all_of_them["peak"],
        "seconds": all_of_them["seconds"],
        "cpu_seconds": all_of_them["cpu"],
        "cores": len(os.sched_getaffinity(0)),
        "load": load,
        "pictures": "Fashion-MNIST" if fashion.is_dir() else "drawn birds",
    }


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="pictures of the long run")
    parser.add_argument("--fashion", type=Path, default=FASHION, help="the folder of Fashion-MNIST's four files")
    parser.add_argument("--json", help="where to write; - prints")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--speed", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        out = given.inside.with_name("out")
        found = inside(given.count, out, given.fashion, speed=given.speed, bare=given.bare)
        if not Ranks.here().number:
            given.inside.write_text(json.dumps(found))
        return
    text = json.dumps(measured(given.count, given.fashion), indent=2)
    if given.json not in (None, "-"):
        Path(given.json).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
