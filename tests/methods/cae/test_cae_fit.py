"""A fit is the same bits however it came about, says when it cannot be believed, and leaves nothing half done."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.errors import CancelledError, PictureError, XaiWidgetsError
from xai_widgets.methods.cae import fit as module
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.evidence import read_layer
from xai_widgets.methods.cae.fit import AVERAGED, LARGEST, SMALLEST, CaeFit, FitData, exchanged, new_networks
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
    return CaeFit(Settings(2, 3, 4, 40, RECIPE), seen, Progress(), FinishedParts(None, ""))


@pytest.fixture(scope="module")
def unbroken(fit, study):
    return fit(study, epochs=3)


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
    with pytest.raises(PictureError, match="calls all 16 pictures '<c>'; give it some it tells apart"):
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


def test_a_batch_is_patched_pictures_with_answers_of_their_own(under_way, study):
    with study.borrowed():
        pair, plain = under_way._pair(step()), under_way._pair(step(), patched=False)
    pictures = under_way.data.cached.picture(slice(0, 8))
    assert torch.equal(plain.pictures, pictures)
    patched = (pair.pictures != pictures).flatten(1).any(1)
    assert patched.tolist() == [True, False] * 4
    assert torch.equal(pictures, under_way.data.cached.picture(slice(0, 8)))  # what is kept is not changed
    assert torch.allclose(pair.logits, study.logits(pair.pictures), atol=1e-5)
    assert torch.allclose(plain.evidence, under_way.data.evidence[:8], atol=4e-3)
    assert not pair.logits.requires_grad
    donors = study.model.logits(pair.donor_evidence).argmax(1)
    assert (donors != pair.logits.argmax(1)).all()


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
    assert under_way.steps == 10
    with under_way.study.borrowed():
        for number in (0, 1, 2, 3, 9):
            under_way._loss(step(number))
    assert ramps == pytest.approx([0, 0.2, 0.6, 1, 1])


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
    assert "The decoder ignores the class code" in caplog.text
    assert "Asking more for faithfulness" in caplog.text
    assert under_way.trained.average.training


def test_no_alarm_where_all_is_well(under_way, monkeypatch, caplog):
    good = replace(CaeFit._health(under_way, under_way.trained.average.eval()), change=0.1, validity=0.9)
    monkeypatch.setattr(CaeFit, "_health", lambda *_: good)
    under_way._alarm()
    assert under_way.trained.strength.tolist() == [1, 1]
    assert not caplog.records


def test_a_decoder_that_ignores_the_code_is_never_believed(study, deaf, monkeypatch, caplog, unseen):
    monkeypatch.setattr(module, "ALARM_EVERY", 2)
    made = CAE(study, epochs=3, width=4)
    with pytest.warns(UserWarning, match="The decoder ignores the class code.*Moving the code does not move") as caught:
        made.fit(progress=Progress())
    assert caught[0].filename == __file__
    assert made.health.alarmed
    assert "Asking more for faithfulness" in caplog.text
    assert made.health.change == 0
    picture, source = unseen(made)[0]
    shown = made.explain(picture, (source + 1) % 4)
    assert shown.problems == made.problems != ()
    assert shown.verdict().startswith("NOT TO BE BELIEVED: The decoder ignores the class code")
    assert not shown.flipped
    assert "this much change is not enough" in shown.sentence()
    made.fit(progress=Progress())  # and no warning for what is fitted already


def test_the_alarm_looks_only_after_a_third(under_way, monkeypatch):
    looked = []
    monkeypatch.setattr(module, "ALARM_EVERY", 1)
    monkeypatch.setattr(CaeFit, "_alarm", lambda self: looked.append(1))
    with under_way.study.borrowed():
        for number in range(10):
            under_way._loss(step(number))
            assert len(looked) == max(0, number - 3)


# --- seeds, cancelling, resuming ----------------------------------------------------------------------------------


TASKS = [
    ("reading the layers", 1),
    ("CAE, the map", 3),
    ("CAE", 1),
    ("CAE", 4),
    ("CAE", 6),
    ("CAE, the change mask", 1),
    ("CAE, the change mask", 2),
]


@pytest.mark.parametrize(("task", "done"), TASKS)
def test_a_cancelled_fit_goes_on_where_it_was(study, fit, unbroken, cancelling, assert_same_bits, tmp_path, task, done):
    broken = CAE(study, epochs=3, width=4)
    with pytest.raises(CancelledError, match=task):
        broken.fit(progress=cancelling(task, done), checkpoint=tmp_path)
    assert not broken.fitted
    assert_same_bits(fit(study, epochs=3, checkpoint=tmp_path), unbroken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_broken_fit_goes_on_after_its_last_epoch(
    study, fit, unbroken, assert_same_bits, tmp_path, monkeypatch, error
):
    steps = []
    whole = CaeFit._loss

    def watched(self, at):
        steps.append(at.number)
        if len(steps) == 6:
            raise error
        return whole(self, at)

    monkeypatch.setattr(CaeFit, "_loss", watched)
    made = CAE(study, epochs=3, width=4)
    with pytest.raises(error):
        made.fit(progress=Progress(), checkpoint=tmp_path)
    assert not made.fitted
    assert_same_bits(fit(study, epochs=3, checkpoint=tmp_path), unbroken)
    assert steps == [0, 1, 2, 3, 4, 5, 4, 5]  # two a batch; the third epoch began anew


def test_the_checkpoint_of_other_settings_is_not_used(study, fit, cancelling, assert_same_bits, tmp_path):
    with pytest.raises(CancelledError):
        fit(study, epochs=3, progress=cancelling("CAE", 2), checkpoint=tmp_path)
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert_same_bits(fit(study, epochs=4, checkpoint=tmp_path), fit(study, epochs=4))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == left != {}


def test_what_was_trained_before_the_mask_is_not_lost(study, fit, cancelling, tmp_path):
    with pytest.raises(CancelledError):
        fit(study, epochs=3, progress=cancelling("CAE, the change mask", 1), checkpoint=tmp_path)
    tasks = []
    fit(study, epochs=3, checkpoint=tmp_path, progress=Progress(lambda at: tasks.append((at.task, at.done))))
    assert ("CAE", 0) not in tasks


def test_progress_tells_every_phase(study, fit):
    told = []
    fit(study, epochs=11, progress=Progress(lambda at: told.append((at.task, at.total))))
    phases = list(dict.fromkeys(told))
    assert phases == [("reading the layers", 1), ("CAE, the map", 12), ("CAE", 22), ("CAE, the change mask", 2)]


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


# --- patches ------------------------------------------------------------------------------------------------------


def masks(height, width, count=2000):
    """Where pictures have been replaced, bool ``(count, H, W)``."""
    zeros = torch.zeros(count, 2, height, width)
    given = exchanged(zeros, zeros + 1, torch.Generator().manual_seed(0))
    assert set(given.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(given, given[:, :1].expand_as(given))  # all channels alike
    return given[:, 0].bool()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47), (5, 64)])
def test_patches_are_rectangles(height, width):
    found = masks(height, width)
    rows, columns = found.any(2), found.any(1)
    assert torch.equal(found, rows[:, :, None] & columns[:, None, :])
    for line in (rows, columns):  # each without a gap: at most one step up and one down
        assert (line.int().diff(dim=1).abs().sum(1) <= 2).all()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47)])
def test_every_picture_has_one_as_large_as_it_should_be(height, width):
    found = masks(height, width)
    assert found.flatten(1).any(1).all()
    for line, side in ((found.any(2), height), (found.any(1), width)):
        lengths, whole = line.sum(1), ~line[:, 0] & ~line[:, -1]
        assert lengths.max() <= LARGEST * side + 1
        assert lengths[whole].min() >= SMALLEST * side - 1  # where it is not cut at the edge
        assert (lengths < SMALLEST * side - 1).any()  # where it is


def test_every_pixel_is_reached_alike_in_both_directions():
    covered = masks(16, 16, 8000).float().mean(0)
    assert covered.min() > 0.1
    for mirrored in (covered.flip(0), covered.flip(1), covered.T):
        assert torch.allclose(covered, mirrored, atol=0.03)
