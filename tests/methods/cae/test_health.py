"""The report on a fit, for models of which it is known what a swap of codes does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae import health
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.health import SWAPS, Health, examine
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.progress import Progress
from xai_widgets.study import Study

GOOD = Health(swaps=64, reconstruction=0.01, validity=1.0, pasted_validity=1.0, map_error=0.1, change=0.1, scale=0.5)


class Painter(FittedNetworks):
    """Its code is what the classifier says; it paints a square where the code says so, on a ground of its own."""

    def __init__(self, *, blind=False):
        super().__init__()
        self.head = nn.Linear(4, 4)
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(4))
            self.head.bias.zero_()
        self.blind = blind

    def class_code(self, pictures, evidence):
        return evidence

    def individual_code(self, pictures):
        return pictures[:, :, :1, :1]

    def decoded(self, individual, code):
        drawn = individual.expand(-1, -1, 16, 16).clone()
        for picture, place in zip(drawn, [0] * len(code) if self.blind else code.argmax(1).tolist(), strict=True):
            picture[:, 4:8, 4 * place : 4 * place + 4] = 0.75
        return drawn


@pytest.fixture(scope="module")
def cached(reader, squares):
    study = Study(reader(), squares(60))
    return cached_pass(study, study.train, range(48), [], Progress())


def test_a_decoder_that_follows_the_code(cached):
    found = examine(Painter(), cached, cached.logits, seed=0)
    assert (found.swaps, found.validity, found.problems) == (SWAPS, 1.0, ())
    assert found.change == pytest.approx(2 * 16 / 256 * 0.7, rel=0.05)  # two squares, from about 0.05 to 0.75
    assert found.scale == pytest.approx(0.7, rel=0.1)
    assert found.level == 1.0
    assert "Swapping class codes changed the prediction as expected in 64 of 64 tests; " in found.verdict()


def test_the_measures_are_their_textbook_twins(cached):
    painter, study = Painter(), cached.study
    found = examine(painter, cached, cached.logits, seed=3)
    receivers, donors = health._pairs(cached.logits.argmax(1), 3)
    errors, pasted, differences, changes, pixels = [], [], [], [], []
    for receiver, donor in zip(receivers.tolist(), donors.tolist(), strict=True):
        picture = cached.pictures[receiver].float() / 255
        own, other = cached.logits[receiver], cached.logits[donor]
        rebuilt, moved = (painter.decoded(picture[None, :, :1, :1], code[None])[0] for code in (own, other))
        said = study.predict(moved)[0]
        errors.append(float((rebuilt - picture).abs().mean()))
        pasted.append(int(said.argmax()) == int(other.argmax()))
        differences += (other.softmax(0) - said).abs().tolist()
        changes.append(float((moved - rebuilt).abs().mean()))
        pixels += (moved - rebuilt).abs().mean(0).flatten().tolist()
    assert found.reconstruction == pytest.approx(sum(errors) / SWAPS, rel=1e-4)
    assert found.pasted_validity == pytest.approx(sum(pasted) / SWAPS)
    assert found.map_error == pytest.approx(sum(differences) / len(differences), rel=1e-3)
    assert found.change == pytest.approx(sum(changes) / SWAPS, rel=1e-4)
    assert found.scale == pytest.approx(sorted(pixels)[int(0.995 * (len(pixels) - 1))], rel=1e-5)


def test_a_decoder_that_ignores_the_code(cached):
    found = examine(Painter(blind=True), cached, cached.logits, seed=0)
    assert found.change == 0
    assert found.scale == 1e-3
    _, donors = health._pairs(cached.logits.argmax(1), 0)
    assert found.validity == (cached.logits[donors].argmax(1) == 0).float().mean()  # where it always paints
    assert found.problems[0] == (
        "The pictures hardly change: asked for another class, CAE changes a picture by 0.00% on average, and 0.10% is "
        "the least. Give it more pictures, or fit for more epochs."
    )
    seen = round(float(found.pasted_validity) * SWAPS)
    assert f"sees the class that was asked for in {seen} of 64 tests only, and 60% is the least" in found.problems[1]
    assert found.verdict().startswith("NOT TO BE BELIEVED: The pictures hardly change")


@pytest.mark.parametrize(
    ("change", "validity", "pasted", "problems"),
    [
        (0.0010, 1.0, 0.6, []),
        (0.0009, 1.0, 1.0, ["hardly change"]),
        (0.1, 1.0, 0.59, ["does not follow"]),
        (0.1, 0.0, 0.6, []),  # what people see counts
        (0.0, 0.0, 0.0, ["hardly change", "does not follow"]),
    ],
)
def test_what_is_a_problem(change, validity, pasted, problems):
    found = replace(GOOD, change=change, validity=validity, pasted_validity=pasted).problems
    assert len(found) == len(problems)
    assert all(word in problem for word, problem in zip(problems, found, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_swaps_are_between_different_classes_however_rare_one_is(seed):
    classes = torch.zeros(3000, dtype=torch.long)
    classes[7] = 1
    receivers, donors = health._pairs(classes, seed)
    assert len(receivers) == len(donors) == SWAPS
    assert (classes[receivers] != classes[donors]).all()


@pytest.mark.parametrize(
    ("coarseness", "leak", "guessed", "remarks"),
    [
        (0.99, 0.0, 0.0, []),
        (1.0, 0.0, 0.0, ["are blurred: a picture drawn anew is 1.0 times as far"]),
        (0.0, 0.34, 0.1, []),
        (
            0.0,
            0.37,
            0.1,
            ["old class still shows: it can be read off 37% of the changed pictures, and guessing finds 10%"],
        ),
        (0.0, 0.70, 0.6, []),  # of two classes, one of which is common, 60 % is no feat
    ],
)
def test_what_is_worth_a_remark(coarseness, leak, guessed, remarks):
    found = replace(GOOD, coarseness=coarseness, leak=leak, guessed=guessed)
    assert (found.problems, len(found.remarks)) == ((), len(remarks))
    assert all(words in remark for words, remark in zip(remarks, found.remarks, strict=True))
    assert found.verdict().startswith(tuple(found.remarks) or "Swapping")


def test_coarseness_is_one_for_a_mosaic_and_none_for_the_picture():
    pictures = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    tiles = pictures.unflatten(3, (16, 3)).unflatten(2, (16, 2)).mean((3, 5))
    mosaic = tiles.repeat_interleave(2, 2).repeat_interleave(3, 3)
    assert health.coarseness(pictures, mosaic) == pytest.approx(1, rel=1e-4)
    assert health.coarseness(pictures, pictures) == 0


@pytest.mark.parametrize(("needed", "level"), [(1.0, 1.0), (0.6, 0.5), (0.35, 0.35), (0.1, 0.25)])
def test_the_highest_level_that_the_classifier_follows(cached, monkeypatch, needed, level):
    """A classifier that sees the class only in what is pasted at this level or below."""

    class Pasting(Painter):
        def shown(self, pictures, rebuilt, moved, level=1.0):
            return moved if level <= needed else pictures

    assert examine(Pasting(), cached, cached.logits, seed=0).level == level
