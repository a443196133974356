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
    "shortcuts": ((200, 40, 1, 2, 5, 1), {}),
    "cladec_fashion": ((200, 60, 1, 1, 1, (0.5, 0.9)), {}),
    "srae_faithfulness": ((200, 60, 1, 1, 1, 12, 6, 1, 1), {}),
    "cae_brain_mri": ((8, 60, 1, 1, 2), {}),
    "summaries_networks": ((16, 8, 1, 5, 96), {}),
}
"""The size of each experiment in place of --quick, and what else is smaller."""

FEW = {"inversion_localisation": 16, "cae_brain_mri": 240}
"""So many slices of a class are there, for those that need them."""

INSECTS = 24
"""So many photos of ants, and of bees."""


@pytest.fixture
def modules():
    """Modules of benchmarks/papers by name, which lie beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        patch.setattr(import_module("benchmarks.photos.cars"), "SIDE", 96)
        yield lambda name: import_module(f"benchmarks.papers.{name}")
        for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
            del sys.modules[name]


@pytest.fixture
def data(tmp_path, real_pictures, name):
    """A folder with the first pictures of each class, and all photos."""
    for whole in ("imagenet_samples", "car_parts"):
        if (real_pictures / whole).is_dir():
            (tmp_path / whole).symlink_to(real_pictures / whole)
    for part, count in (("brain_mri", FEW.get(name, 1)), ("ants_bees", INSECTS)):
        for folder in (real_pictures / part).glob("*/*/"):
            made = tmp_path / folder.relative_to(real_pictures)
            made.mkdir(parents=True)
            for file in sorted(folder.iterdir())[:count]:
                (made / file.name).symlink_to(file)
        for file in (real_pictures / part).glob("*/*.json"):
            (tmp_path / file.relative_to(real_pictures)).symlink_to(file)
    return tmp_path


@pytest.mark.parametrize("name", TINY)
def test_an_experiment_runs_and_measures_what_the_page_shows(name, modules, data, monkeypatch):
    module, common, (size, smaller) = modules(name), modules("common"), TINY[name]
    if reason := module.EXPERIMENT.missing(common.Options(data, quick=True)):
        pytest.skip(reason)
    lengths = [modules("cues").Lengths(1, 1, 1, 1, 1, 1)] if name == "shortcuts" else []
    monkeypatch.setattr(module, "QUICK", module.Size(*size, *lengths))
    for what, value in smaller.items():
        monkeypatch.setattr(module, what, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such fits fail, and say so
        given = ["--data", str(data), "--quick", "--seeds", "1", "--json", str(data / "made.json")]
        common.run(module.EXPERIMENT, given)
    found, shown = (
        json.loads((folder / file).read_text(encoding="utf-8"))
        for folder, file in ((data, "made.json"), (common.RESULTS, f"{name}.json"))
    )
    assert found["command"].endswith("--quick")
    columns, expected = (
        {measure: set(one["baselines"]) for measure, one in made["measures"].items()} for made in (found, shown)
    )
    assert columns == expected
    assert [claim["claim"] for claim in found["claims"]] == [claim["claim"] for claim in shown["claims"]]
