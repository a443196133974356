"""Each of the papers' experiments runs from its command to its file, on little of the data that is there."""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = {
    "inversion_localisation": ((1, 1, 2), {"SIDE": 96, "SEEN": 0.0}),
    "shortcuts": ((200, 40, 1, 2, 2, 1), {}),
    "cladec_fashion": ((200, 60, 1, 1, 1, (0.5,)), {}),
    "srae_faithfulness": ((200, 60, 1, 1, 1, 12, 6, 1, 1), {}),
    "cae_brain_mri": ((2, 60, 1, 1, 2), {}),
    "summaries_networks": ((16, 8, 1, 3), {"SIDE": 96}),
}
"""The size of each experiment in place of --quick, and what else is smaller."""


@pytest.fixture
def modules():
    """Modules of benchmarks/papers by name, which lie beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield lambda name: import_module(f"benchmarks.papers.{name}")
        for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
            del sys.modules[name]


@pytest.mark.parametrize("name", TINY)
def test_an_experiment_runs_and_measures_what_the_page_shows(name, modules, tmp_path, request, monkeypatch):
    module, (size, smaller) = modules(name), TINY[name]
    data = request.getfixturevalue("real_pictures")
    if reason := module.EXPERIMENT.missing(modules("common").Options(data, quick=True)):
        pytest.skip(reason)
    lengths = [modules("cues").Lengths(1, 1, 1, 1, 1, 1)] if name == "shortcuts" else []
    monkeypatch.setattr(module, "QUICK", module.Size(*size, *lengths))
    for what, value in smaller.items():
        monkeypatch.setattr(module, what, value)
    made = tmp_path / "made.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such fits fail, and say so
        modules("common").run(module.EXPERIMENT, ["--data", str(data), "--quick", "--seeds", "1", "--json", str(made)])
    found = json.loads(made.read_text(encoding="utf-8"))
    shown = json.loads((modules("common").RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert found["command"].endswith("--quick")
    assert {one: measure["baselines"].keys() for one, measure in found["measures"].items()} == {
        one: measure["baselines"].keys() for one, measure in shown["measures"].items()
    }
    assert [claim["claim"] for claim in found["claims"]] == [claim["claim"] for claim in shown["claims"]]
