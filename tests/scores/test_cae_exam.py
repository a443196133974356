"""CAE's exam gives full marks to an explainer that knows the truth, and none to copies."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from xai_widgets import demos
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS, render
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.methods.cae.walk import Walk
from xai_widgets.progress import Progress
from xai_widgets.scores import cae_exam, saliency_baselines
from xai_widgets.scores.bird_cases import draw_cases
from xai_widgets.scores.cae_answers import Answer
from xai_widgets.scores.exam import run_exam
from xai_widgets.study import Study

CLASSES = demos.SPECIES


def drawn(birds, place, species, cue):
    rgb, _ = render(birds.bird(place).as_species(species), birds.size, cue=cue)
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255


class Knowing:
    """An explainer that looks things up: a class code is a share of each species, and decoded by mixing drawings.

    Made of it is what `draw` gives for a picture's place and a species; of the species it is, the picture itself.
    """

    pasted = True
    health = SimpleNamespace(seconds=7.0)

    def __init__(self, study, draw):
        self.study, birds = study, study.test
        self.weight, self.bias = 20 * torch.eye(CLASSES), torch.zeros(CLASSES)
        self.centres = self.codes = torch.eye(CLASSES)
        self.code_indices = torch.tensor([study.train.labels.index(k) for k in range(CLASSES)])
        self.code_probabilities, self.code_classes = torch.eye(CLASSES), torch.arange(CLASSES)
        self.known = {}
        for place in study.draw(birds, cae_exam.PICTURES, 0):
            picture, label = birds[place]
            others = [picture if k == label else draw(birds, place, k) for k in range(CLASSES)]
            self.known[picture.numpy().tobytes()] = torch.cat(others), label

    def encode(self, pictures):
        found = [self.known[picture.numpy().tobytes()] for picture in pictures]
        codes = torch.eye(CLASSES)[[label for _, label in found]]
        return Encoded(pictures, codes, torch.stack([others for others, _ in found]), pictures)

    def decode(self, encoded, z, *, pasted=None):
        drawings = encoded.u.unflatten(1, (CLASSES, 3)).expand(len(z), -1, -1, -1, -1)
        return torch.einsum("nk,nkchw->nchw", z, drawings).clamp(0, 1)

    def predict(self, pictures):
        return self.study.predict(pictures)

    def head(self, z):
        return (z @ self.weight.T + self.bias).softmax(1)

    def pair_chart(self, source, target):
        return SimpleNamespace(project=lambda z: z, lift=lambda q, z: q)

    def plane(self):
        return SimpleNamespace(project=lambda z: z)

    def code_at(self, plane, points, z):
        return points

    def walk(self, encoded, route, source, target):
        return Walk(self, encoded, route)

    def explain(self, picture, target):
        encoded = self.encode(picture[None])
        change = (self.decode(encoded, self.centres[target][None])[0] - picture).mean(0)
        return SimpleNamespace(saliency={"path": -change, "several": change.abs()})


def truth(birds, place, species):
    return drawn(birds, place, species, birds.cue(place))


def other_ring(birds, place, species):
    return drawn(birds, place, birds.labels[place], species)


def study_of(cheat, draw):
    """The demo's classifier on a few birds, with an explainer that knows."""
    study = demos.demo(cheat=cheat)
    few = [BirdPictures(40, species=CLASSES, cheat=study.test.cheat, first=first) for first in (0, 10_000)]
    found = Study(study.model, few[0], test=few[1])
    found.explainers["cae"] = Knowing(found, draw)
    return found


def examined(study):
    return run_exam("cae", study, progress=Progress()).measures


@pytest.fixture(scope="module", autouse=True)
def small():
    """Few pictures, little work on other methods, and the honest demo's classifier as the other one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, count in {"PICTURES": 12, "FEWER": 4, "FEWEST": 2}.items():
            patch.setattr(cae_exam, name, count)
        patch.setattr(saliency_baselines, "SAMPLES", 20)
        patch.setattr(saliency_baselines, "STEPS", 4)
        patch.setattr(cae_exam, "train_classifier", lambda **options: demos.demo().model)
        yield


@pytest.fixture(scope="module")
def honest():
    """The exam of one who knows the truth; as published, he knows it too."""
    study = study_of(False, truth)
    study.explainers["cae-paper"] = study.explainers["cae"]
    return examined(study)


@pytest.fixture(scope="module")
def cheating():
    """The exam of one who only changes the ring, for a classifier that looks at it."""
    return examined(study_of(True, other_ring))


@pytest.mark.parametrize("name", ["validity", "oracle", "validity_centre", "oracle_centre"])
def test_all_minds_are_changed(honest, name):
    assert honest[name].value >= 0.9
    assert honest[name].baselines["paper"] >= 0.9
    assert honest[name].baselines["nearest"] >= 0.9
    assert honest[name].baselines["input"] == 0
    assert honest[name].chance == 1 / CLASSES


def test_a_drop_on_a_cluster_gives_its_class(honest, cheating):
    assert honest["overview_hits"].value >= 0.9
    assert honest["overview_hits"].chance == 1 / CLASSES
    assert cheating["overview_hits"].value >= 0.6


def test_nothing_is_closer_to_the_truth_than_the_truth(honest):
    gain = honest["true_psnr_gain"]
    assert gain.value > 60
    assert gain.baselines["direct"] == pytest.approx(gain.value)
    assert gain.baselines["nearest"] < 0
    assert gain.baselines["input"] == gain.chance == 0
    assert 0 < honest["true_psnr_gain_95"].value < gain.value


def test_the_gain_of_each_pair(honest):
    pairs = honest["true_psnr_gain_by_pair"]
    assert pairs.value == min(pairs.baselines.values()) > 60
    assert all(source != target for source, target in (pair.split(" > ") for pair in pairs.baselines))


def test_all_of_the_change_is_on_the_parts(honest):
    share = honest["change_on_parts"]
    assert share.value == pytest.approx(1, abs=1e-4)
    assert share.chance < share.baselines["nearest"] < 0.9
    assert "input" not in share.baselines  # which changes nothing


def test_the_route_begins_at_the_picture_and_the_dial_obeys(honest):
    assert honest["start_gap"].value == honest["reconstruction"].value == 0
    assert honest["reconstruction"].chance > 0.05
    assert honest["train_seconds"].value == 7
    assert 0 <= honest["path_violation"].value < 0.2
    assert honest["dial_pearson"].value > 0.9
    assert honest["dial_within_0.1"].value > 0.9


def test_the_map_of_the_truth_beats_the_usual_ones(honest):
    ratio = honest["saliency_iou_ratio"]
    usual = {"gradient", "integrated_gradients", "grad_cam", "occlusion", "lime"}
    assert set(ratio.baselines) == {*usual, "difference", "path", "several", "paper", "direct", "nearest", "centre",
                                    "random"}  # fmt: skip
    best = max(ratio.baselines[name] for name in usual)
    assert ratio.value == pytest.approx(ratio.baselines["difference"] / best)
    assert ratio.value > 1
    assert ratio.baselines["difference"] == ratio.baselines["paper"] > 0.7  # smoothing blurs its edges
    assert ratio.baselines["random"] < ratio.baselines["centre"] < ratio.baselines["difference"]


def test_the_honest_classifier_uses_parts_and_there_is_no_cue(honest):
    assert {name for name in honest if name.startswith("sensitivity")} == {f"sensitivity.{slot}" for slot in SLOTS}
    assert honest["sensitivity.breast"].value > 0.5
    assert not any(name.startswith("cheat") for name in honest)


def test_the_cheating_classifier_follows_the_ring_and_the_other_one_does_not(cheating):
    assert cheating["validity_centre"].value >= 0.6
    assert cheating["oracle_centre"].value == 0


def test_all_of_the_change_is_on_the_ring(cheating):
    for name in ("cheat_change_on_cue", "cheat_change_on_cue_centre"):
        assert cheating[name].value == pytest.approx(1)
        assert cheating[name].chance < 0.1
    assert cheating["cheat_mostly_on_cue"].value == 1
    assert cheating["change_on_parts"].value == pytest.approx(0, abs=0.03)  # of birds near the ring
    assert cheating["true_psnr_gain"].value < 0
    assert cheating["cheat_psnr_gain"].value > 60
    assert cheating["cheat_saliency_iou_ratio"].baselines["difference"] > 0.5


def test_the_ring_matters_most_to_the_cheating_classifier(cheating):
    parts = {name: measure.value for name, measure in cheating.items() if name.startswith("sensitivity")}
    assert max(parts, key=parts.get) == "sensitivity.cue"


def test_who_changes_the_bird_changes_nothing_on_the_ring():
    measures = examined(study_of(True, truth))
    assert measures["cheat_mostly_on_cue"].value == 0
    assert measures["cheat_change_on_cue"].value == pytest.approx(0, abs=0.03)  # of birds near the ring
    assert measures["change_on_parts"].value == pytest.approx(1, abs=1e-4)


def test_cases_are_birds_that_the_classifier_knows():
    study = demos.demo()
    cases = draw_cases(study, 30, seed=3)
    assert 25 <= len(cases) <= 30
    assert (study.predict(cases.pictures).argmax(1) == cases.sources).all()
    assert (cases.targets != cases.sources).all()
    assert not cases.cues.any()
    for i in (0, len(cases) - 1):
        index = int(cases.indices[i])
        assert torch.equal(cases.pictures[i], study.test[index][0])
        assert torch.equal(cases.truths[i], drawn(study.test, index, int(cases.targets[i]), None))
        assert 0.02 < cases.parts[i].float().mean() < 0.5
    assert torch.equal(draw_cases(study, 30, seed=3).targets, cases.targets)
    assert not torch.equal(draw_cases(study, 30, seed=4).indices[:5], cases.indices[:5])


def test_the_first_cases():
    cases = draw_cases(demos.demo(), 6, seed=0)
    few = cases.first(2)
    assert len(few) == len(few.pictures) == len(few.cues) == 2
    assert len(cases.first(100)) == len(cases)
    assert torch.equal(few.without("tail"), cases.without("tail")[:2])


def test_changes_are_counted_from_where_an_answer_begins():
    before = torch.rand(1, 3, 4, 4) / 2
    after = before.clone()
    after[0, :, 1, 2] += torch.tensor([0.1, 0.2, -0.3])
    assert Answer(before, after).map[0, 1, 2].item() == pytest.approx(0.2)
    assert Answer(before, after).map.sum().item() == pytest.approx(0.2)


def test_no_cae():
    study = demos.demo()
    study.explainers.pop("cae", None)
    with pytest.raises(XaiWidgetsError, match="there is no CAE to examine; fit one"):
        examined(study)


def test_no_captum_is_noticed_before_the_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setattr(cae_exam, "train_classifier", lambda **options: pytest.fail("the work was begun"))
    with pytest.raises(XaiWidgetsError, match=r"xai-widgets\[compare\]"):
        examined(demos.demo())


def test_other_pictures(new_study):
    study = new_study()
    study.explainers["cae"] = object()
    with pytest.raises(XaiWidgetsError, match="the exam needs the field guide"):
        examined(study)


def test_a_classifier_that_knows_no_bird():
    study = demos.demo()
    with torch.no_grad():
        study.model.logits.weight.neg_()
        study.model.logits.bias.neg_()
    with pytest.raises(XaiWidgetsError, match="the classifier gets all 8 birds wrong"):
        draw_cases(study, 8, seed=0)
