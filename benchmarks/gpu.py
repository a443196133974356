"""How fast the five methods are at 224 pixels on a GPU, beside the CPU: ``python benchmarks/gpu.py --json -``.

The classifier is a ResNet-18 with random weights, the pictures are noise: this measures speed and memory, and nothing
about what is explained. On a GPU, each method runs once to warm up, once for the clock, and once to count how often the
CPU waits for the GPU; on the CPU once, with few pictures. Without a GPU the CPU is measured alone. ``--bf16`` runs the
classifier in bfloat16.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

import xai_widgets as xw
from xai_widgets.progress import Progress

SIDE, CLASSES = 224, 10


def noise(count: int) -> list[tuple[Tensor, int]]:
    """Pictures of noise, with labels in turn."""
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(3, SIDE, SIDE, generator=generator), number % CLASSES) for number in range(count)]


def study_on(device: str, dtype: torch.dtype, count: int) -> xw.Study:
    """A study whose classifier lies on a device."""
    torch.manual_seed(0)
    model, pictures = torchvision.models.resnet18(num_classes=CLASSES).eval(), noise(count)
    with torch.no_grad():  # so that not all pictures are of one class
        model.fc.bias -= model(torch.stack([picture for picture, _ in pictures])).mean(0)
    return xw.Study(model.to(device, dtype), pictures, test=pictures, name=f"noise on {device}")


def works(study: xw.Study, count: int) -> dict[str, Callable[[], Any]]:
    """What is timed of each method: so many pictures explained, or seen once by a fit."""
    pictures = torch.stack([picture for picture, _ in study.test])
    short: dict[str, Any] = {"epochs": 1, "pictures": count}
    return {
        "inversion": lambda: xw.GuidedFeatureInversion(study).explain(pictures),
        "summaries": lambda: xw.CrispMasks(study).find(pictures),
        "cladec": lambda: xw.ClaDec(study, ["layer3"], **short).fit(progress=Progress()),
        "srae": lambda: xw.SRAE(study, "layer4", targets=[0, 1], **short).fit(progress=Progress()),
        "cae": lambda: xw.CAE(study, width=16, **short).fit(progress=Progress()),
    }


def timed(work: Callable[[], Any], device: str, count: int) -> dict[str, float]:
    """Pictures per second of the last run, and the most memory of the device."""
    on_gpu = device == "cuda"
    for _ in range(2 if on_gpu else 1):
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        work()
        if on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    found = {"pictures_per_s": round(count / seconds, 3), "seconds": round(seconds, 2)}
    if not on_gpu:
        return found
    found["gpu_gb"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return found | {"waits": waits(work)}


def waits(work: Callable[[], Any]) -> int:
    """How often the CPU waits for the GPU in a run."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(one.message) for one in said)


def measured(device: str, dtype: torch.dtype, count: int) -> dict[str, dict[str, float]]:
    """All methods on one device."""
    return {name: timed(work, device, count) for name, work in works(study_on(device, dtype, count), count).items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=32, help="pictures on the GPU")
    parser.add_argument("--cpu-count", type=int, default=8, help="pictures on the CPU")
    parser.add_argument("--bf16", action="store_true", help="run the classifier in bfloat16")
    parser.add_argument("--json", default="-", metavar="FILE", help="write the numbers there; - prints them")
    given = parser.parse_args()
    dtype = torch.bfloat16 if given.bf16 else torch.float32
    devices = {**({"cuda": given.count} if torch.cuda.is_available() else {}), "cpu": given.cpu_count}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of fits so short, which nobody is to believe
        each = {device: measured(device, dtype, count) for device, count in devices.items()}
    first, *others = devices
    measures = {
        f"{name}.pictures_per_s": {
            "value": numbers["pictures_per_s"],
            "baselines": {device: each[device][name]["pictures_per_s"] for device in others},
        }
        for name, numbers in each[first].items()
    }
    text = json.dumps({"device": first, "dtype": str(dtype), "measures": measures, "details": each}, indent=2)
    print(text) if given.json == "-" else Path(given.json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
