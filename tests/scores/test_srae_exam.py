"""SRAE's exam gives full marks to x-features that are the parts, and none to noise."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from xai_widgets import demos
from xai_widgets.data.birds import SLOTS
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.report import numbers
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.scores import srae_exam
from xai_widgets.scores.exam import run_exam
from xai_widgets.scores.srae_exam import Contender, auc, correlations, draw_birds, matched, stability

CLASSES = 3
FEATURES = len(SLOTS)


def brief(explainer):
    """The same, without a second try."""
    explainer.settings = replace(explainer.settings, rounds=0)
    return explainer


@pytest.fixture(scope="module")
def few():
    """A smaller exam."""
    patch = pytest.MonkeyPatch()
    for name, value in {"PICTURES": 24, "PER_SPECIES": 4, "FEWER": 2, "SEEDS": 2, "PAPER_SEEDS": 1}.items():
        patch.setattr(srae_exam, name, value)
    patch.setattr(srae_exam, "_ours", lambda study, seed: brief(SRAE(study, epochs=1, seed=seed)))
    patch.setattr(srae_exam, "_paper", lambda study, seed: brief(SRAE.paper(study, epochs=1, seed=seed)))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def study(few):
    """Birds, and a fresh network that tells them apart by chance."""
    from xai_widgets.data.bird_pictures import BirdPictures
    from xai_widgets.study import Study

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = demos.bird_classifier(CLASSES)
    train, test = (BirdPictures(48, species=CLASSES, cheat=0.9, first=first) for first in (0, 1000))
    return Study(model.eval(), train, test=test)


@pytest.fixture(scope="module")
def birds(study):
    return draw_birds(study, 0)


class Knowing:
    """X-features that know which slots a picture shows: each is 2 where its slot is there, of a score of them all."""

    classes = tuple(range(CLASSES))
    settings = SimpleNamespace(features=FEATURES)
    seconds = 7.0

    def __init__(self, birds, noise=0.0):
        self.noise, self.known = noise, {}
        for k in self.classes:
            self._learn(birds.whole[k], torch.ones(FEATURES))
            for number, slot in enumerate(SLOTS):
                self._learn(birds.without[slot][k], 1 - torch.eye(FEATURES)[number])
            self._learn(birds.without["cue"][k], torch.ones(FEATURES))

    def _learn(self, pictures, slots):
        for picture in pictures:
            self.known[picture.numpy().tobytes()] = slots

    def contributions(self, pictures, k, basis="srae"):
        found = torch.stack([self.known[picture.numpy().tobytes()] for picture in pictures])
        return 2 * found * (1 - self.noise) + self.noise * torch.randn(found.shape)

    def bias(self, k, basis="srae"):
        return 0.0


def test_x_features_that_are_the_parts(birds):
    for slot in SLOTS:
        assert srae_exam._aucs(Contender([Knowing(birds)], "srae"), birds, slot) == [1.0] * CLASSES


def test_x_features_that_do_not_see_the_cue(birds):
    assert srae_exam._aucs(Contender([Knowing(birds)], "srae"), birds, "cue") == [0.5] * CLASSES


def test_noise_is_at_chance(birds):
    torch.manual_seed(0)
    noise = Contender([Knowing(birds, noise=1.0)], "srae")
    found = [best for slot in SLOTS for best in srae_exam._aucs(noise, birds, slot)]
    assert sum(found) / len(found) == pytest.approx(srae_exam.best_of_noise(4, FEATURES, 0), abs=0.1)


def test_auc_by_hand():
    assert auc(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])) == pytest.approx(3.5 / 4)
    assert auc(torch.zeros(3), torch.zeros(5)) == 0.5
    assert auc(torch.zeros(3), torch.ones(5)) == 0


def test_the_same_x_features_are_stable_and_other_ones_are_not(birds):
    exact = SimpleNamespace(
        classes=(0,),
        contributions=lambda pictures, k, basis: pictures.flatten(1)[:, ::997] * 100,
        bias=lambda k, basis: 0.0,
    )
    torch.manual_seed(0)
    noisy = SimpleNamespace(contributions=lambda pictures, k, basis: 100 * torch.randn(len(pictures), 13))
    assert srae_exam._stability(Contender([exact, exact], "srae"), birds) == pytest.approx(1, abs=1e-4)
    assert srae_exam._stability(Contender([exact, noisy], "srae"), birds) < 0.7


def test_the_same_in_another_order_is_perfectly_stable():
    traces = torch.randn(50, 4)
    order = [2, 0, 3, 1]
    pairs, found = matched(traces, 3 * traces[:, order] + 1)
    assert pairs == [(i, order.index(i)) for i in range(4)]
    assert found.tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    assert stability([traces, traces[:, order], traces]) == pytest.approx(1, abs=1e-5)
    assert stability([traces, traces[:, :2]]) == pytest.approx(1, abs=1e-5)  # no partner, no correlation
    assert math.isnan(stability([traces]))
    assert math.isnan(stability([traces, traces[:, :0]]))


def test_correlations_are_the_textbooks():
    a, b = torch.randn(40, 2), torch.randn(40, 3)
    expected = torch.corrcoef(torch.cat([a, b], dim=1).T)[:2, 2:]
    assert torch.allclose(correlations(a, b), expected, atol=1e-5)
    assert correlations(torch.ones(9, 1), torch.rand(9, 1)).tolist() == [[0.0]]


def test_accuracy_changes_only_with_the_sums(birds):
    def exact(pictures, k, basis):
        return torch.stack([birds.logits[:, k] - 1, torch.zeros(len(pictures))], dim=1)

    def blind(pictures, k, basis):
        return torch.full((len(pictures), 2), 1e6 if k == 0 else -1e6)

    for contributions, expected in ((exact, 0.0), (blind, None)):
        fit = SimpleNamespace(classes=(0, 1, 2), contributions=contributions, bias=lambda k, basis: 1.0)
        found = srae_exam._accuracy_change(Contender([fit], "srae"), birds)
        assert found == expected if expected is not None else found > 0


def test_numbers_of_a_perfect_sum():
    contributions = torch.rand(20, 3)
    own = torch.arange(20) < 8
    found = numbers(contributions, 2.0, contributions.sum(1) + 2, own)
    assert found.r2_all == pytest.approx(1)
    assert found.r2_positive == pytest.approx(1)
    assert found.alive == 3
    assert not found.problems or found.lopsided


def test_a_whole_exam(study):
    result = run_exam("srae", study, progress=Progress())
    found = result.measures
    lower = {"accuracy_change", "n90", "map_sum_error", "fit_seconds"}
    higher = {"r2_all", "r2_positive", "alive_min", "second_first_min", "part_auc", "intervention_r", "stability"}
    higher |= {"intervention_r_worst", "map_deletion", "map_deletion_half", "cue_auc", "part_auc_pca"}
    assert {name: one.better for name, one in found.items()} == dict.fromkeys(lower, "lower") | dict.fromkeys(
        higher, "higher"
    )
    everybody = {"paper", "pca", "pls"}
    assert all(set(one.baselines) <= everybody for one in found.values())
    assert set(found["part_auc"].baselines) == everybody
    assert found["part_auc_pca"].value == found["part_auc"].baselines["pca"]
    assert found["map_sum_error"].value < 1e-4
    assert found["map_sum_error"].baselines["pca"] < 1e-4
    assert set(found["fit_seconds"].baselines) == {"paper"}
    assert result.to_json()


def test_a_study_without_birds(few, new_study):
    with pytest.raises(XaiWidgetsError, match="the exam needs the field guide"):
        run_exam("srae", new_study(), progress=Progress())
