"""What a fit sees, what it does in a step, and when it says that it cannot be believed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.cae import fit as module
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.evidence import read_layer
from xai_widgets.methods.cae.evidence_maps import DONORS, evidence_map, expected_gradients, gate
from xai_widgets.methods.cae.fit import AVERAGED, CaeFit, FitData, new_networks
from xai_widgets.methods.cae.networks import Decoder
from xai_widgets.methods.cae.settings import Settings
from xai_widgets.methods.common.codes import cached_pass, require_gradients
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.training import Step

RECIPE = Recipe(epochs=2, batch_size=8, lr=1e-2)


@pytest.fixture(scope="module")
def study(reader, squares):
    return Study(reader(), squares(50))


@pytest.fixture(scope="module")
def seen(study):
    return FitData.of(cached_pass(study, study.train, range(40), ["flat"], Progress()), "flat")


@pytest.fixture
def under_way(seen):
    return CaeFit(Settings(2, 3, 4, 40, RECIPE), seen, seen, Progress(), FinishedParts(None, ""))


def step(number=0, count=8):
    return Step(torch.arange(count), torch.Generator().manual_seed(0), 0, number)


# --- what is seen before ------------------------------------------------------------------------------------------


def test_the_evidence_of_all_pictures(seen, study):
    pictures = seen.cached.picture(slice(None))
    with study.borrowed():
        expected = read_layer(study, pictures, "flat")[1]
    assert torch.allclose(seen.evidence, expected, atol=4e-3)  # of pictures before they were rounded
    alone = FitData.of(seen.cached, None)
    assert torch.equal(alone.evidence, seen.cached.logits)


def test_donors_are_all_pictures_of_other_predicted_classes(seen):
    predicted = seen.cached.logits.argmax(1)
    for k, donors in enumerate(seen.donors):
        assert donors.tolist() == [place for place, other in enumerate(predicted.tolist()) if other != k]
    drawn = torch.stack([seen.donors_for(predicted, torch.Generator().manual_seed(n)) for n in range(60)])
    assert (predicted[drawn] != predicted).all()
    assert set(drawn.flatten().tolist()) == set(range(40))


def test_a_classifier_that_calls_everything_one_class(reader, squares):
    model = reader()
    with torch.no_grad():
        model.logits.bias[2] = 100
    made = CAE(Study(model, squares(20), class_names=["a", "b", "<c>", "d"]), epochs=1, width=4)
    with pytest.raises(PictureError, match="predicts '<c>' for all 16 pictures; give pictures of several"):
        made.fit(progress=Progress())
    assert not made.fitted


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_classifier_without_gradients(study, squares, context):
    class NoGradients(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = study.model

        def forward(self, pictures):
            with context():
                return self.net(pictures)

    made = CAE(Study(NoGradients(), squares(20)), epochs=1, width=4)
    with pytest.raises(XaiWidgetsError, match=r"the classifier gives no gradients.*torch\.no_grad"):
        made.fit(progress=Progress())
    assert not made.fitted
    with torch.no_grad():
        require_gradients(study, "a CAE is fitted")  # which has them


# --- one step -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(under_way):
    """A fit whose map is there, and whose training may begin."""
    with under_way.study.borrowed():
        under_way._fit_map()
        under_way.gates = under_way._gates()
    under_way.codes = under_way.data.class_codes(under_way.trained.networks, torch.arange(40))
    return under_way


def test_a_batch_has_all_that_is_known_of_its_pictures(ready):
    batch, data = ready._batch(step()), ready.data
    assert torch.equal(batch.pictures, data.cached.picture(slice(0, 8)))
    assert torch.equal(batch.classes, data.cached.logits[:8].argmax(1))
    assert torch.equal(batch.gate, ready.gates[:8])
    assert torch.equal(batch.own, ready.codes[:8])
    donors = (torch.cdist(batch.donor, ready.codes)).argmin(1)
    assert (data.cached.logits[donors].argmax(1) != batch.classes).all()


def test_the_map_does_not_change_in_the_training(ready):
    before = {name: tensor.clone() for name, tensor in ready.trained.networks.class_encoder.state_dict().items()}
    with ready.study.borrowed():
        ready._train()
    for networks in (ready.trained.networks, ready.trained.average):
        after = networks.class_encoder.state_dict()
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert torch.equal(ready.data.class_codes(ready.trained.average, torch.arange(40)), ready.codes)


def test_the_gates_are_open_where_the_classifier_looks(ready, study):
    """Its squares are in the second quarter of the rows; the rest of a picture does not matter to it."""
    assert ready.gates.shape == (40, 1, 8, 8)
    open_rows = ready.gates.amax((0, 1, 3))
    assert (open_rows[2:4] == 1).all()
    assert not open_rows[6:].any()
    with study.borrowed():
        again = ready._gates()
    assert torch.equal(again, ready.gates)


def test_the_gate_is_its_equation(ready, study):
    random = torch.Generator().manual_seed(9)
    drawn = [
        torch.stack([p, ready.data.cached.picture(slice(None))[n]]) for n, p in enumerate(torch.rand(2, 3, 16, 16))
    ]
    pictures, others = torch.stack(drawn, 1)
    classes, shares = (torch.tensor([0, 2]), torch.tensor([1, 3])), torch.rand(2, generator=random)
    with study.borrowed():
        found = expected_gradients(study, pictures, others, classes, shares)
    for n in range(2):
        between = (others[n] + shares[n] * (pictures[n] - others[n]))[None].requires_grad_()
        with study.borrowed():
            logits = study.forward(between)[0]
        (gradient,) = torch.autograd.grad(logits[classes[0][n]] - logits[classes[1][n]], between)
        expected = ((pictures[n] - others[n]) * gradient[0]).sum(0)
        assert torch.allclose(found[n, 0], expected, atol=1e-5)
    cells = torch.zeros(1, 1, 16, 16)
    cells[..., 8:10, 6:8] = 1.0  # of 8 x 8 cells one: number 4, 3
    maps = evidence_map(cells, (8, 8))
    assert (maps[0, 0] == 1).nonzero().tolist() == [[row, column] for row in (3, 4, 5) for column in (2, 3, 4)]
    assert (maps > 0).sum() == 9
    assert torch.allclose(gate(maps * 0.45)[0, 0, 2:7, 1:6], torch.tensor(0.5))  # half open, one cell further
    assert not gate(maps * 0.3).any()
    assert DONORS > 1


def test_the_average_follows_quickly_at_first_and_slowly_later(under_way):
    ours, average = under_way.trained.networks.head.weight, under_way.trained.average.head.weight
    for number, kept in ((0, 0.1), (10, 0.55), (10**6, AVERAGED)):
        with torch.no_grad():
            ours.normal_()
        expected = kept * average + (1 - kept) * ours
        under_way._average(number)
        assert torch.allclose(average, expected, atol=1e-6)
    assert not average.requires_grad
    counts = [
        part.class_encoder.standard.num_batches_tracked
        for part in (under_way.trained.networks, under_way.trained.average)
    ]
    counts[0].fill_(7)
    under_way._average(3)
    assert counts[1] == 7


def test_the_loss_is_phased_in(under_way, monkeypatch):
    ramps = []
    monkeypatch.setattr(module, "loss", lambda *given: ramps.append(given[4]) or torch.zeros(()))
    monkeypatch.setattr(CaeFit, "_batch", lambda *_: None)
    assert under_way.steps == 10
    with under_way.study.borrowed():
        for number in (0, 1, 2, 3, 4, 9):
            under_way._loss(step(number))
    assert ramps == pytest.approx([0, 0, 0.6, 0, 1, 0])  # in every other step


def test_fresh_networks_begin_at_the_mean_picture(seen):
    made = new_networks(Settings(2, 3, 4, 40, RECIPE), seen)
    mean = seen.cached.picture(slice(None)).mean(0).clamp(0.02, 0.98)
    assert torch.allclose(made.decoder.prior.sigmoid(), mean, atol=1e-5)


# --- the collapse alarm -------------------------------------------------------------------------------------------


@pytest.fixture
def deaf(monkeypatch):
    """From now on every decoder ignores the class code."""
    whole = Decoder.forward
    monkeypatch.setattr(Decoder, "forward", lambda self, individual, code: whole(self, individual, 0 * code))


def test_the_alarm_asks_for_faithfulness_within_bounds(under_way, deaf, caplog):
    strengths = []
    with under_way.study.borrowed(), caplog.at_level(logging.WARNING):
        for _ in range(5):
            under_way._alarm()
            strengths.append(under_way.trained.strength.tolist())
    assert strengths == [[2, 0.5], [4, 0.25], [8, 0.125], [8, 0.125], [8, 0.125]]
    assert "The pictures hardly change" in caplog.text
    assert "Asking more for faithfulness" in caplog.text
    assert under_way.trained.average.training


def test_no_alarm_where_all_is_well(under_way, monkeypatch, caplog):
    good = replace(CaeFit._health(under_way, under_way.trained.average.eval()), change=0.1, pasted_validity=0.9)
    monkeypatch.setattr(CaeFit, "_health", lambda *_: good)
    under_way._alarm()
    assert under_way.trained.strength.tolist() == [1, 1]
    assert not caplog.records


def test_a_decoder_that_ignores_the_code_is_never_believed(study, deaf, monkeypatch, caplog, unseen):
    monkeypatch.setattr(module, "ALARM_EVERY", 2)
    made = CAE(study, epochs=3, width=4)
    with pytest.warns(UserWarning, match="The pictures hardly change.*The classifier does not follow") as caught:
        made.fit(progress=Progress())
    assert caught[0].filename == __file__
    assert made.health.alarmed
    assert "Asking more for faithfulness" in caplog.text
    assert made.health.change == 0
    picture, source = unseen(made)[0]
    shown = made.explain(picture, (source + 1) % 4)
    assert shown.problems == made.problems != ()
    assert shown.verdict().startswith("NOT TO BE BELIEVED: The pictures hardly change")
    assert not shown.flipped
    assert "This change is not enough" in shown.sentence()
    made.fit(progress=Progress())  # and no warning for what is fitted already


def test_the_alarm_looks_only_after_a_third(under_way, monkeypatch):
    looked = []
    monkeypatch.setattr(module, "ALARM_EVERY", 1)
    monkeypatch.setattr(CaeFit, "_alarm", lambda self: looked.append(1))
    monkeypatch.setattr(CaeFit, "_batch", lambda *_: None)
    monkeypatch.setattr(module, "loss", lambda *_: torch.zeros(()))
    with under_way.study.borrowed():
        for number in range(10):
            under_way._loss(step(number))
            assert len(looked) == max(0, number - 3)


# --- settings -----------------------------------------------------------------------------------------------------


def test_at_most_so_many_pictures_are_on_the_map(study, fit, monkeypatch):
    monkeypatch.setattr("xai_widgets.methods.cae.cae.MAPPED", 7)
    made = fit(study, epochs=1)
    assert made.code_indices.tolist() == study.draw(study.train, 40, 0)[:7]
    assert made.codes.shape == (7, 8)
    assert made.code_probabilities.shape == (7, 4)


@pytest.mark.parametrize("wrong", [{"dimensions": 1}, {"channels": 0}, {"width": -1}, {"pictures": 1}, {"epochs": 0}])
def test_settings_that_are_too_small(study, wrong):
    name = next(iter(wrong))
    with pytest.raises(XaiWidgetsError, match=name):
        CAE(study, **wrong)
