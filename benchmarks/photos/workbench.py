"""What a Workbench on photos takes: ``python benchmarks/photos/workbench.py --data DIR --json -``.

Five tabs of a Workbench with EfficientNet-Lite0 (1,000 classes) and photos of 224 px are opened one after the other,
and nothing is pressed. The first one counts from ``xw.Workbench(study)`` until its answer is there.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import torch
from common import ants_bees, arguments, measure, report

import xai_widgets as xw
from xai_widgets.widgets.workbench.catalogue import VIEWS

PATIENCE = 600
"""Seconds that a tab may take to come to rest."""


def peak_gb() -> float:
    """The largest memory of this process so far, in gigabytes of 2**30 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def opened(study: xw.Study) -> dict[str, Any]:
    """Open every tab; seconds of CPU that the first view takes, and of each tab, with the memory after it."""
    began = time.process_time()
    bench = xw.Workbench(study)
    bench.wait(PATIENCE)
    found: dict[str, Any] = {"first_view_cpu_s": round(time.process_time() - began, 2), "first_view": bench.view}
    tabs = {}
    for key in VIEWS:
        before = time.process_time()
        bench.view = key
        rested = bench.wait(PATIENCE)
        tabs[key] = {"cpu_s": round(time.process_time() - before, 1), "gb": round(peak_gb(), 2), "rested": rested}
    bench.close()
    return found | {"tabs": tabs}


def main() -> None:
    """Open and print."""
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(1)  # a second one takes half as much again, and saves no time
    study = ants_bees(given.data)
    before = peak_gb()
    found = opened(study)
    measures = {
        "peak_gb": measure(round(peak_gb(), 2), **{"before the Workbench": round(before, 2)}),
        "first_view_cpu_s": measure(found["first_view_cpu_s"]),
        "details": found,
    }
    report(measures, given.json)


if __name__ == "__main__":
    main()
