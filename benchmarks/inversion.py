"""Compare guided feature inversion with the published one, on the demo's unseen birds.

    python benchmarks/inversion.py
    python benchmarks/inversion.py --pictures 64 --alone 8

Prints how good the masks are, and how many pictures per second each method explains: ours all at once, the published
one picture by picture. The published background, scaled to pictures this small, still shows much of the class, so the
published masks are also made with our backgrounds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import xai_widgets as xw
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.scores.bird_cases import draw_cases

RUNS = 3


def main() -> None:
    """Explain and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--alone", type=int, default=8, help="pictures that are explained one by one, for the speed")
    given = parser.parse_args()
    study = xw.demo()
    pictures = draw_cases(study, given.pictures, seed=0).pictures
    makers = {
        "faithful": GuidedFeatureInversion.faithful(study),
        "fast": GuidedFeatureInversion.fast(study),
        "paper": GuidedFeatureInversion.paper(study),
        "paper, our backgrounds": GuidedFeatureInversion.paper(study, background="auto"),
    }
    numbers = {name: measures(made.explain(pictures)) for name, made in makers.items()}
    few = pictures[: given.alone]
    speeds = {
        "faithful, all at once": per_second(lambda: makers["faithful"].explain(pictures), len(pictures)),
        "fast, all at once": per_second(lambda: makers["fast"].explain(pictures), len(pictures)),
        "paper, one by one": per_second(lambda: [makers["paper"].explain(one) for one in few], len(few)),
    }
    ratio = speeds["fast, all at once"] / speeds["paper, one by one"]
    print(json.dumps(numbers | {"pictures_per_second": speeds, "times_as_fast": round(ratio, 1)}, indent=2))


def per_second(explain: Callable[[], object], count: int) -> float:
    """Pictures per second of the fastest of a few runs: others may want the machine, too."""
    seconds = []
    for _ in range(RUNS):
        start = perf_counter()
        explain()
        seconds.append(perf_counter() - start)
    return round(count / min(seconds), 3)


def measures(explanation: InversionExplanation) -> dict[str, float]:
    """Mean probabilities, area, and masks that show nothing."""
    values = {
        "background alone": explanation.baseline_score.mean(),
        "kept": explanation.kept.mean(),
        "removed": explanation.removed.mean(),
        "area": explanation.area.mean(),
        "degenerate": explanation.degenerate.float().mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
