"""The probe finds a class that comes from the individual code, and none that comes from the class code."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.leak import leak, probe
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.progress import Progress
from xai_widgets.study import Study


class Painter(FittedNetworks):
    """Paints what the class code says, on a ground of the individual code: its brightness or the whole picture."""

    def __init__(self, *, leaky):
        super().__init__()
        self.head, self.leaky = nn.Linear(4, 4), leaky

    def class_code(self, pictures, evidence):
        return evidence

    def individual_code(self, pictures):
        return pictures if self.leaky else pictures.mean((2, 3), keepdim=True).round()

    def decoded(self, individual, code):
        drawn = 0.5 * individual.expand(-1, -1, 16, 16).clone()
        drawn[:, :, :4, :4] += code.softmax(1).max(1).values[:, None, None, None] / 4
        return drawn


@pytest.fixture(scope="module")
def cached(reader, squares):
    study = Study(reader(), squares(250))
    return cached_pass(study, study.train, range(200), [], Progress())


def test_a_decoder_that_takes_the_class_from_the_individual_code(cached):
    shows, guessed = leak(Painter(leaky=True), cached, cached.logits, seed=0)
    assert shows > 0.9
    assert 0.25 <= guessed < 0.45


def test_a_decoder_that_does_not(cached):
    shows, guessed = leak(Painter(leaky=False), cached, cached.logits, seed=0)
    assert shows <= guessed + 0.15


def test_the_same_seed_gives_the_same_answer(cached):
    painter = Painter(leaky=True)
    assert leak(painter, cached, cached.logits, seed=3) == leak(painter, cached, cached.logits, seed=3)


def test_the_probe_is_ridge_regression():
    features, classes = torch.randn(90, 5), torch.arange(90) % 3
    features[:, 0] += 6.0 * (classes == 2)
    features[:, 1] -= 6.0 * (classes == 1)
    right, guessed = probe(features, classes)
    assert right > 0.9
    assert guessed == pytest.approx(1 / 3)
    assert probe(torch.zeros(9, 4), torch.arange(9) % 3)[0] <= 1


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_pictures(count):
    right, guessed = probe(torch.randn(count, 8), torch.arange(count) % 2)
    assert 0 <= right <= 1
    assert 0 < guessed <= 1
