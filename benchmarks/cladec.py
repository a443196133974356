"""How long the demo takes to be ready, and ClaDec and its reference to be fitted for one of its layers.

python benchmarks/cladec.py [layer]
"""

from __future__ import annotations

import sys
import time

import torch

import xai_widgets as xw
from xai_widgets.progress import Progress


def main(layer: str = "block4") -> None:
    """Print the seconds."""
    began = time.perf_counter()
    study = xw.demo()
    print(f"demo ready: {time.perf_counter() - began:.1f} s after torch was imported")
    began = time.perf_counter()
    explorer = xw.ClaDecExplorer(study)
    print(f"explorer shown: {time.perf_counter() - began:.1f} s")
    began = time.perf_counter()
    explorer.alpha.value = 0.5
    print(f"one change of a slider: {time.perf_counter() - began:.2f} s")
    explorer.close()
    began = time.perf_counter()
    cladec = xw.ClaDec(study, layer).fit(progress=Progress())
    print(
        f"{layer} fitted, reference included: {time.perf_counter() - began:.0f} s on {torch.get_num_threads()} threads"
    )
    print({name: round(error, 5) for name, error in cladec.report().error.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
