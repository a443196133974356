"""The steps of the papers' experiments run, on pictures of noise and networks that were never trained."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from math import isfinite
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import xai_widgets as xw
from xai_widgets.progress import Progress

ROOT = Path(__file__).parents[2]
MODULES = ("inversion_localisation", "shortcuts", "cladec_fashion", "srae_faithfulness", "cae_brain_mri")


@pytest.fixture(scope="module")
def papers():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        known = (*MODULES, "common", "maps", "cues", "clothes")
        yield SimpleNamespace(**{name: import_module(f"benchmarks.papers.{name}") for name in known})
        for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def data(papers):
    """Forty garments to learn from and 24 unseen ones, all of noise, with squares that tell the class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 10
    pictures, _ = papers.clothes.with_decoy(torch.rand(64, 1, 28, 28, generator=generator) * 0.5, labels)
    return papers.clothes.Clothes(pictures[:40], labels[:40], pictures[40:], labels[40:])


@pytest.fixture(scope="module")
def study(papers, data):
    return data.study(papers.clothes.untrained(0), "noise")


@pytest.fixture(autouse=True)
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such fits fail, and say so
        yield


def test_masks_of_ours_of_the_paper_and_of_captum_are_located(papers, data, study):
    pytest.importorskip("captum")
    run = papers.inversion_localisation
    regions = papers.cues.where_squares(data.test[:2])
    cases = run.Cases(data.test[:2], data.test_labels[:2], regions)
    found = run.masks(study, cases, 0, Progress(), run.Asked(full=False))
    assert {"ours", "paper", "Grad-CAM", "brightest blurred pixel", "centre", "random"} <= found.keys()
    rows = run._places(found, cases, "noise", 0)
    assert rows["noise_pointing"].values["brightest blurred pixel"] in (0, 0.5, 1)
    assert all(0 <= value <= 1 for value in rows["noise_box_error"].values.values())


def test_mosaics_show_the_photo_where_the_region_is(papers):
    photos = torch.rand(6, 3, 224, 224, generator=torch.Generator().manual_seed(0))

    class Half(torch.nn.Module):
        def forward(self, pictures):
            return pictures.mean((2, 3)).repeat(1, 2)

    pairs = [(photo, 0) for photo in photos]
    flat = xw.Study(Half(), pairs, test=pairs)
    made = papers.inversion_localisation.mosaics(flat, 2, 0)
    assert made.pictures.shape == (2, 3, 224, 224)
    assert made.regions.float().mean((1, 2)).tolist() == [0.25, 0.25]


def test_a_cladec_is_asked_for_squares_and_as_published(papers, data, study):
    lengths = papers.cues.Lengths(1, 1, 1, 1, 1, 1)
    asked = papers.cues.Asked(
        data.test[:4], data.test_labels[:4], data.test_labels[:4], papers.cues.where_squares(data.test[:4])
    )
    for paper in (False, True):
        fitted = papers.cues.cladec(study, lengths, 0, Progress(), paper=paper)
        assert -1 <= papers.cues.kept_on_square(fitted, asked) <= 1


def test_x_features_of_all_contenders_are_sums(papers, study):
    run = papers.srae_faithfulness
    found = run.contenders(study, 1, 1, 0, Progress())
    assert list(found) == ["ours", "paper", "PCA", "PLS", "NMF", "frozen random features"]
    pictures, _ = study.load(study.test, range(6))
    for one in found.values():
        assert one.contributions(pictures, 0).shape == (6, 7)
        assert isfinite(one.bias(0))
    rows = run._sums(study, found, "noise")
    assert rows["noise_r2"].values.keys() == found.keys()


def test_a_shortcut_is_followed_by_a_network_that_knows_nothing_else(papers, data):
    places = papers.clothes.with_decoy(torch.zeros(10, 1, 28, 28), torch.arange(10))[1]

    class Cheat(torch.nn.Module):
        def forward(self, pictures):
            return torch.einsum("nhw,khw->nk", pictures[:, 0], places.float())

    plain = papers.clothes.Clothes(data.train / 2, data.train_labels, data.test / 2, data.test_labels)
    assert papers.shortcuts._network(Cheat(), plain, data, "decoy", 0) == {"accuracy": 1, "follows": 1}


def test_rows_of_shortcuts_count_what_is_named(papers):
    cheat = {"network": {"accuracy": 1.0}, "cladec": {"ours": 0.3}, "cae": {"ours": 0.4}}
    clean = {"network": {"accuracy": 0.9}, "cladec": {"ours": 0.1}, "cae": {"ours": 0.6}}
    rows = papers.shortcuts._rows("colour", cheat, clean)
    assert rows["colour_named_of_five"].values == {"ours": 1.0, "clean twin (false alarms)": 1.0}
    assert rows["colour_cladec"].values == {"ours": 0.3, "clean twin": 0.1}


def test_decoders_are_judged_by_new_classifiers(papers, data, study):
    run = papers.cladec_fashion
    linear = run.linear(study, data.train, "dense")
    assert linear(data.test).shape == data.test.shape
    judge = run._Judge(data, 1, 0, Progress())
    same = {who: lambda pictures: pictures / 2 for who in ("ours", "auto-encoder", "paper", "paper's auto-encoder")}
    rows = run._layer_rows(data, "dense", same | {"linear decoder": linear}, judge, 0.5)
    assert rows["dense_error"].values["ours"] == pytest.approx(float(data.test.square().mean()) / 4)
    assert rows["dense_error_of_auto_encoder_to_cladec"].values["ours"] == 1
    assert rows["dense_evaluation_accuracy"].values["ours"] == rows["dense_evaluation_accuracy"].values["auto-encoder"]


def test_removing_what_the_class_rests_on_makes_its_probability_fall(papers):
    class Corner(torch.nn.Module):
        def forward(self, pictures):
            bright = pictures[:, 0, :8, :8].mean((1, 2)) * 20
            return torch.stack([bright - 5, 5 - bright], 1)

    pictures = torch.ones(2, 1, 64, 64)
    study = xw.Study(Corner(), [(one, 0) for one in pictures])
    there, elsewhere = torch.zeros(2, 64, 64), torch.zeros(2, 64, 64)
    there[:, :8, :8], elsewhere[:, 32:, 32:] = 1.0, 1.0
    classes, black = torch.zeros(2, dtype=torch.long), torch.zeros_like(pictures)
    run = papers.cae_brain_mri
    falls = [run.aopc(study, pictures, classes, one, black).mean().item() for one in (there, elsewhere)]
    assert falls[0] == pytest.approx(run.REMOVED / (run.REMOVED + 1), abs=0.01)
    assert falls[1] == pytest.approx(0, abs=0.01)


def test_flips_are_counted_in_each_direction(papers):
    class Bright(torch.nn.Module):
        def forward(self, pictures):
            grey = pictures.mean((1, 2, 3))
            return torch.stack([0.5 - grey, grey - 0.5], 1)

    run, pictures = papers.cae_brain_mri, torch.cat([torch.ones(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)])
    sources = torch.tensor([1, 1, 0, 0])
    study = xw.Study(Bright(), [(one, int(k)) for one, k in zip(pictures, sources, strict=True)])
    asked = run.Asked(pictures, sources, 1 - sources, torch.zeros(2, 8, 8, dtype=torch.bool))
    after = {"ours": torch.cat([torch.zeros(3, 1, 8, 8), torch.ones(1, 1, 8, 8)]), "no change": pictures}
    rows = run._flips(study, Bright(), asked, after)
    assert rows["flip_rate_from_tumour"].values == {"ours": 1.0, "no change": 0.0}
    assert rows["oracle_from_none"].values == {"ours": 0.5, "no change": 0.0}
