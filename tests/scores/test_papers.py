"""The papers' experiments: measures with answers by construction, a page that equals its numbers, and nothing rots."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from math import isnan
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

ROOT = Path(__file__).parents[2]
NAMES = (
    "inversion_localisation",
    "shortcuts",
    "cladec_fashion",
    "srae_faithfulness",
    "cae_brain_mri",
    "summaries_networks",
)


@pytest.fixture(scope="module")
def papers():
    """The modules, which lie beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        known = (*NAMES, "common", "maps", "cues", "clothes", "page")
        papers = {name: import_module(f"benchmarks.papers.{name}") for name in known}
        yield SimpleNamespace(**papers, cars=import_module("benchmarks.photos.cars"))
        for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
            del sys.modules[name]


@pytest.fixture
def corner():
    """A region of 4x4 pixels in a picture of 16x16, which is a sixteenth."""
    region = torch.zeros(1, 16, 16, dtype=torch.bool)
    region[0, :4, 4:8] = True
    return region


# --- measures ----------------------------------------------------------------------------------------------------


def test_the_region_itself_is_a_perfect_map(papers, corner):
    maps = corner.float()
    assert papers.maps.excess_mass(maps, corner).item() == 1
    assert papers.maps.pointing(maps, corner, 0).item() == 1
    assert papers.maps.localisation_error(maps.repeat(2, 1, 1), corner.repeat(2, 1, 1)) == 0


def test_a_map_without_an_opinion_is_worth_chance(papers, corner):
    for maps in (torch.ones(1, 16, 16), torch.zeros(1, 16, 16)):
        assert papers.maps.share(maps, corner).item() == 1 / 16
        assert papers.maps.excess_mass(maps, corner).item() == 0
        assert papers.maps.pointing(maps, corner, 0).item() == 1 / 16
        assert papers.maps.localisation_error(maps.repeat(2, 1, 1), corner.repeat(2, 1, 1)) == 1
        assert papers.maps.told_apart(maps, maps, corner).item() == 0


def test_noise_is_worth_chance_on_average(papers, corner):
    noise = torch.rand(2000, 16, 16, generator=torch.Generator().manual_seed(0))
    regions = corner.repeat(2000, 1, 1)
    assert papers.maps.excess_mass(noise, regions).mean().item() == pytest.approx(0, abs=0.005)
    assert papers.maps.pointing(noise, regions, 0).mean().item() == pytest.approx(1 / 16, abs=0.02)


def test_a_map_may_point_beside_its_region_by_so_many_pixels(papers, corner):
    maps = torch.zeros(1, 16, 16)
    maps[0, 5, 4] = 1.0  # two rows below
    assert [papers.maps.pointing(maps, corner, near).item() for near in (0, 1, 2)] == [0, 0, 1]


def test_boxes_are_tight_and_overlap_as_counted(papers, corner):
    assert papers.maps.boxes(corner.float(), 0.5).tolist() == [[0, 3, 4, 7]]
    assert papers.maps.boxes(torch.ones(1, 16, 16), 2.0).tolist() == [[0, 15, 0, 15]]  # nothing is above two means
    one, other = torch.tensor([[0, 3, 0, 3]]), torch.tensor([[2, 5, 0, 3]])
    assert papers.maps.box_overlap(one, other).item() == pytest.approx(8 / 24)


def test_two_perfect_maps_are_told_apart(papers, corner):
    assert papers.maps.told_apart(corner.float(), (~corner).float(), corner).item() == 1


def test_recolouring_is_told_from_strength_and_shape(papers):
    before = torch.zeros(1, 3, 8, 8)
    before[0, 0, 2:6, 2:6] = 0.8  # a red square
    green = before[:, [1, 0, 2]]
    shape = before.roll(4, 3)
    found = [papers.cues.recoloured(before, after).item() for after in (green, before / 2, shape)]
    assert found[0] == pytest.approx(1, abs=1e-5)
    assert found[1:] == pytest.approx([0, 0], abs=1e-5)


def test_squares_are_found_where_they_were_put(papers):
    told = torch.arange(10)
    pictures, where = papers.clothes.with_decoy(torch.rand(10, 1, 28, 28) * 0.9, told)
    assert torch.equal(papers.cues.where_squares(pictures), where)
    assert where.sum((1, 2)).tolist() == [16] * 10
    assert len({tuple(row.flatten().tolist()) for row in where}) == 10


def test_a_clean_twin_has_cues_that_tell_nothing(papers):
    labels = torch.randint(10, (400,), generator=torch.Generator().manual_seed(0))
    plain = papers.clothes.Clothes(torch.zeros(400, 1, 28, 28), labels, torch.zeros(400, 1, 28, 28), labels)
    _, where = papers.shortcuts.altered(plain, "decoy", False, 0)
    _, drawn = papers.shortcuts.altered(plain, "decoy", True, 0)
    places = papers.clothes.with_decoy(torch.zeros(10, 1, 28, 28), torch.arange(10))[1]
    agree = [float((found == places[labels]).all(2).all(1).float().mean()) for found in (where, drawn)]
    assert agree[0] == 1
    assert agree[1] == pytest.approx(0.1, abs=0.05)


def test_traces_overlap_as_by_hand(papers):
    traces = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    assert papers.srae_faithfulness.overlap(traces) == 0  # the third is dead
    assert papers.srae_faithfulness.overlap(traces[:, [0, 0]]) == pytest.approx(1)


def test_purity_counts_peaks_on_an_x_features_own_part(papers):
    maps, parts = torch.zeros(2, 2, 4, 4), torch.zeros(2, 2, 4, 4, dtype=torch.bool)
    parts[:, 0, 0], parts[:, 1, 3] = True, True
    maps[:, 0, 0, 1] = 1.0  # always on the first part
    maps[0, 1, 3, 0], maps[1, 1, 1, 1] = 1.0, 1.0  # once on the second part, once on none
    assert papers.srae_faithfulness.purity(maps, parts) == pytest.approx((1 + 0.5) / 2)


def test_a_claim_to_name_needs_more_than_the_threshold(papers):
    named = papers.shortcuts.named
    assert [named("inversion", value) for value in (0.5, 0.51, float("nan"))] == [False, True, False]
    assert named("cladec", 0.3)


def test_where_no_summary_is_sound_nothing_is_gained(papers):
    row = papers.summaries_networks._gain(None)
    assert row.values["chance"] == 0.5
    assert isnan(row.values["ours"])
    found = papers.common.spread([row.values["ours"]])
    assert found["value"] is None


# --- numbers and page --------------------------------------------------------------------------------------------


def test_means_and_spreads_leave_out_what_is_not_defined(papers):
    spread = papers.common.spread
    assert spread([1.0, 3.0]) == {"value": 2.0, "spread": pytest.approx(2**0.5, abs=1e-4), "values": [1.0, 3.0]}
    assert spread([float("nan"), 3.0]) == {"value": 3.0, "spread": None, "values": [None, 3.0]}
    assert spread([float("nan")]) == {"value": None, "spread": None, "values": [None]}


def test_ours_is_first_only_if_nothing_is_better(papers):
    measure = {"value": 0.5, "better": "higher", "baselines": {"a": {"value": 0.5}, "b": {"value": None}}}
    assert papers.common.first(measure)
    assert not papers.common.first(measure | {"better": "lower", "baselines": {"a": {"value": 0.4}}})
    assert papers.common.first(measure | {"baselines": {"twin": {"value": 0.9}}}, apart=["twin"])


def test_the_page_is_what_the_results_say(papers):
    assert papers.page.PAGE.read_text(encoding="utf-8") == papers.page.page(papers.page.results())


def test_the_results_say_what_the_experiments_say_of_their_numbers(papers):
    for name, one in papers.page.results().items():
        assert papers.page.refreshed(name, one) == one, f"run python -m benchmarks.papers.page ({name})"


@pytest.mark.parametrize("name", NAMES)
def test_without_data_it_says_what_is_missing(papers, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(papers.common, "FASHION", tmp_path / "nothing")
    experiment = getattr(papers, name).EXPERIMENT
    papers.common.run(experiment, ["--data", str(tmp_path), "--quick", "--seeds", "1"])
    assert json.loads(capsys.readouterr().out)["skipped"]


def test_a_run_measures_each_seed_and_writes_as_it_goes(papers, tmp_path):
    common = papers.common

    def measured(options, seed, progress):
        return {"hits": common.Row("higher", {"ours": float(seed), "other": 1.0})}

    def claims(means):
        return [common.Claim("nobody", "more is better", means.said("hits", "ours", "other"), means.of("hits") > 1)]

    made = common.Experiment("made_up", measured, claims, lambda _: "", "made up")
    path = tmp_path / "made.json"
    common.run(made, ["--seeds", "3", "--json", str(path)])
    found = json.loads(path.read_text())
    assert found["seeds"] == [0, 1, 2]
    hits = found["measures"]["hits"]
    assert (hits["value"], hits["spread"], hits["better"]) == (1.0, 1.0, "higher")
    assert hits["baselines"] == {"other": {"value": 1.0, "spread": 0.0, "values": [1.0, 1.0, 1.0]}}
    assert found["claims"] == [
        {"paper": "nobody", "claim": "more is better", "found": "ours 1 ± 1, other 1 ± 0", "held": False}
    ]
    common.run(made, ["--seeds", "1", "--json", str(tmp_path / "part.json")])
    common.run(made, ["--seeds", "3", "--resume", "--json", str(tmp_path / "part.json")])
    assert json.loads((tmp_path / "part.json").read_text())["measures"] == found["measures"]
