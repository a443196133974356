"""CAE moves the classifier where it should, meets what is asked for, and answers what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.errors import ArtifactError, NotFittedError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.pasting import pasted
from xai_widgets.methods.cae.saliency import several
from xai_widgets.progress import Progress
from xai_widgets.study import Study

ROUTES = ["straight", "closest", "graph", "reference"]


def squares_of(*classes, side=16):
    """Where the squares of some of four classes are, bool ``(H, W)``."""
    region = torch.zeros(side, side, dtype=torch.bool)
    for k in classes:
        region[side // 4 : side // 2, k * side // 4 : (k + 1) * side // 4] = True
    return region


# --- what is known by construction -------------------------------------------------------------------------------


def test_it_moves_the_classifier_by_changing_the_right_places(toy, unseen):
    assert toy.problems == ()
    flipped, within = [], []
    for picture, source in unseen(toy, 12):
        for target in {0, 1, 2, 3} - {source}:
            shown = toy.explain(picture, target)
            flipped.append(shown.flipped)
            within.append(shown.share_within(squares_of(source, target)))
            assert shown.change[:, squares_of(target)].mean() > 0.1  # the new square is lit
            assert shown.change[:, squares_of(source)].mean() < -0.1  # and the old one put out
    assert np.mean(flipped) >= 0.8
    assert np.mean(within) >= 0.8


def test_the_maps_show_the_right_places(toy, unseen):
    (picture, source), *_ = unseen(toy)
    target = (source + 1) % 4
    shown = toy.explain(picture, target)
    assert set(shown.saliency) == {"difference", "path", "several", "agreement"}
    right = squares_of(source, target)
    for name in ("difference", "several"):
        assert 0 <= shown.saliency[name].min() <= shown.saliency[name].max() <= 1
        assert shown.saliency[name][right].mean() > 5 * shown.saliency[name][~right].mean()
    path = shown.saliency["path"]
    assert path.shape == (16, 16)
    assert path[squares_of(source)].sum() > 0.3  # both moves speak for the target
    assert path[squares_of(target)].sum() > 0.3
    assert path[right].sum() > 0.9 * path.sum()
    assert shown.completeness[0] == pytest.approx(shown.completeness[1], rel=1e-3)  # the classifier is linear


@pytest.mark.parametrize("route", ROUTES)
def test_several_ways_are_about_its_own_end_and_keep_the_log_odds(brief, unseen, route):
    (picture, source), *_ = unseen(brief)
    target = (source + 1) % 4
    shown, chart = brief.explain(picture, target, route=route), brief.pair_chart(source, target)
    end = shown.strip.z[-1]
    ways = chart.lift(chart.project(end[None]) + torch.tensor([[0.0, -1.0], [0.0, 0.0], [0.0, 1.0]]), end)
    assert torch.allclose(ways[1], end, atol=1e-5)
    odds = brief.head(ways).log()
    assert (odds[:, target] - odds[:, source]).std() < 1e-3
    mean, agreement = several(brief, brief.encode(picture), ways, brief.health.scale)
    assert torch.allclose(shown.saliency["several"], mean, atol=1e-5)
    assert torch.allclose(shown.saliency["agreement"], agreement, atol=1e-3)


@pytest.mark.parametrize("confidence", [0.3, 0.6])
@pytest.mark.parametrize("route", ROUTES)
def test_a_confidence_is_met(toy, unseen, route, confidence):
    (picture, source), *_ = unseen(toy)
    shown = toy.explain(picture, (source + 2) % 4, confidence=confidence, route=route)
    assert shown.obtained == pytest.approx(confidence, abs=0.01)
    assert shown.obtained > confidence - 1e-4
    assert shown.requested == confidence
    assert shown.origin["route"] == route
    assert f"(requested: {confidence:.0%})" in shown.verdict()


# --- the first frame ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [None, 0.2, "border"])
@pytest.mark.parametrize("route", ROUTES)
def test_it_starts_at_the_picture_bit_by_bit(brief, toy, unseen, route, confidence):
    for cae in (brief, toy):
        assert cae.pasted
        (picture, source), *_ = unseen(cae)
        shown = cae.explain(picture, (source + 3) % 4, route=route, confidence=confidence)
        assert torch.equal(shown.strip.pictures[0], picture)
        assert torch.equal(shown.original, picture)
        assert shown.start_gap == 0


def test_the_published_model_draws_the_whole_picture_anew(published, unseen):
    assert not published.pasted
    (picture, source), *_ = unseen(published)
    shown = published.explain(picture, (source + 1) % 4)
    encoded = published.encode(picture)
    assert torch.allclose(shown.strip.pictures[0], encoded.reconstructions[0], atol=1e-5)
    assert shown.start_gap > 0.01
    assert not shown.pasted


def test_both_ways_to_decode(brief, published, unseen):
    encoded = brief.encode(unseen(brief)[0][0])
    z = encoded.z + torch.randn(5, 8)
    drawn = brief.decode(encoded, z, pasted=False)
    pictures, rebuilt = (part.expand(5, -1, -1, -1) for part in (encoded.pictures, encoded.reconstructions))
    assert torch.allclose(brief.decode(encoded, z, pasted=True), pasted(pictures, rebuilt, drawn), atol=1e-5)
    assert torch.equal(brief.decode(encoded, z), brief.decode(encoded, z, pasted=True))
    assert not drawn.requires_grad
    encoded = published.encode(unseen(published)[0][0])
    assert torch.equal(published.decode(encoded, z), published.decode(encoded, z, pasted=False))


def test_codes_for_one_picture_or_one_for_each(brief, unseen):
    pictures = torch.stack([picture for picture, _ in unseen(brief, 3)])
    encoded, z = brief.encode(pictures), torch.randn(3, 8)
    for paste in (True, False):
        together = brief.decode(encoded, z, pasted=paste)
        for n in range(3):
            alone = brief.decode(encoded[n], z[n : n + 1], pasted=paste)
            assert torch.allclose(together[n], alone[0], atol=1e-5)


# --- codes and maps -----------------------------------------------------------------------------------------------


def test_codes_of_pictures_in_batches_of_any_size(brief, unseen, tmp_path):
    pictures = torch.stack([picture for picture, _ in unseen(brief, 5)])
    encoded = brief.encode(pictures)
    assert len(encoded) == 5
    assert encoded.z.shape == (5, 8)
    assert encoded.u.shape == (5, 8, 8, 8)
    assert encoded.reconstructions.shape == (5, 3, 16, 16)
    assert torch.equal(encoded.pictures, pictures)
    study = Study(brief.study.model, brief.study.train, test=brief.study.test, batch_size=2)
    alone, in_parts = brief.encode(pictures[3]), CAE.load(brief.save(tmp_path / "x"), study).encode(pictures)
    for name in ("z", "u", "reconstructions"):
        assert torch.allclose(getattr(alone, name), getattr(encoded[3], name), atol=1e-5)
        assert torch.allclose(getattr(in_parts, name), getattr(encoded, name), atol=1e-5)
        assert not getattr(encoded, name).requires_grad


def test_the_map_is_that_of_the_training_pictures(toy):
    assert toy.codes.shape == (240, 8)
    pictures, _ = toy.study.load(toy.study.train, toy.code_indices.tolist())
    assert torch.allclose(toy.encode(pictures).z, toy.codes, atol=0.02)
    assert torch.allclose(toy.predict(pictures), toy.code_probabilities, atol=1e-4)
    assert torch.equal(toy.code_classes, toy.code_probabilities.argmax(1))
    assert toy.codes.mean(0).abs().max() < 0.3
    assert toy.codes.std(0) == pytest.approx(torch.ones(8), abs=0.3)
    assert (toy.head(toy.codes).argmax(1) == toy.code_classes).float().mean() > 0.95
    for k in range(4):
        sure = toy.code_probabilities[:, k] >= 0.9
        assert torch.allclose(toy.centres[k], toy.codes[sure].mean(0), atol=1e-5)


def test_planes(toy):
    assert toy.plane().kind == toy.plane(1).kind == toy.plane(None, 2).kind == "overview"
    chart = toy.plane(1, 2)
    assert chart.kind == "pair"
    odds = toy.head(toy.codes).log()
    assert torch.allclose(chart.project(toy.codes)[:, 0], odds[:, 2] - odds[:, 1], atol=1e-3)
    assert "class 2" in chart.labels[0]
    assert bool(toy.density.on_data(toy.codes).float().mean() > 0.95)
    assert not toy.density.on_data(torch.full((1, 8), 50.0))


def test_a_code_of_two_numbers_is_the_map(flat, unseen):
    plane, z = flat.plane(0, 2), torch.randn(7, 2)
    assert plane.kind == "code"
    assert torch.equal(plane.project(z), z)
    assert torch.allclose(plane.lift(z, torch.tensor([3.0, 4.0])), z, atol=1e-6)
    (picture, source), *_ = unseen(flat)
    shown = flat.explain(picture, (source + 1) % 3)
    assert torch.allclose(shown.strip.z[-1], flat.centres[shown.target], atol=1e-4)
    assert repr(flat) == "CAE('Sequential', 2-D code)"


# --- targets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_the_class_it_already_is(brief, unseen, route):
    (picture, source), *_ = unseen(brief)
    with pytest.raises(XaiWidgetsError, match=f"source and target are both class {source}; choose another class"):
        brief.explain(picture, source, route=route)


@pytest.mark.parametrize("route", ROUTES)
def test_a_class_the_classifier_never_sees(fit, reader, squares, unseen, route):
    model = reader()
    with torch.no_grad():
        model.logits.bias[2] = -100
    made = fit(Study(model, squares(30)), epochs=1)
    assert made.centres.isfinite().all(1).tolist() == [True, True, False, True]
    (picture, source), *_ = unseen(made)
    with pytest.raises(XaiWidgetsError, match=r"predicts class 2 for no picture on the map.*choose another target"):
        made.explain(picture, 2, route=route)
    assert made.explain(picture, 0 if source else 1, route=route)


def test_routes_and_frames_that_there_are_not(brief, unseen):
    (picture, source), *_ = unseen(brief)
    with pytest.raises(XaiWidgetsError, match="route is 'strait'"):
        brief.explain(picture, (source + 1) % 4, route="strait")
    with pytest.raises(XaiWidgetsError, match=r"frames is 1, but must lie in \[2, "):
        brief.explain(picture, (source + 1) % 4, frames=1)
    assert len(brief.explain(picture, (source + 1) % 4, frames=3).strip.pictures) == 3


# --- pictures -----------------------------------------------------------------------------------------------------


def test_pictures_of_other_types(brief, unseen):
    (picture, source), *_ = unseen(brief)
    target = (source + 1) % 4
    usual = brief.explain(picture, target)
    assert torch.equal(brief.explain(picture[None].double(), target).strip.pictures, usual.strip.pictures)
    assert torch.allclose(brief.explain(picture.half(), target).strip.pictures, usual.strip.pictures, atol=2e-3)
    assert not brief.explain(picture.clone().requires_grad_(), target).original.requires_grad


def test_an_explanation_is_whole(brief, unseen, check):
    picture, _ = unseen(brief)[0]
    shown = check(brief)
    strip = shown.strip
    assert strip.z.shape == (9, 8)
    assert 0 <= strip.pictures.min() <= strip.pictures.max() <= 1
    assert torch.allclose(strip.probabilities, brief.predict(strip.pictures), atol=1e-5)
    assert strip.on_data.dtype == torch.bool
    assert (shown.problems, shown.class_names) == (brief.problems, brief.study.class_names)
    assert {"xai_widgets", "torch", "time", "recipe", "route"} <= set(shown.origin)
    assert (shown.origin["method"], shown.origin["model"]) == ("cae", brief.study.fingerprint)
    again = brief.explain(brief.encode_one(picture), shown.target)
    assert torch.equal(again.strip.pictures, strip.pictures)
    assert shown.figure()._repr_png_().startswith(b"\x89PNG")


def test_the_default_target_is_the_second_most_probable_class(brief, unseen):
    for picture, source in unseen(brief, 4):
        probabilities = brief.predict(picture[None])[0]
        shown = brief.explain(picture)
        assert (shown.source, shown.target) == (source, int(probabilities.argsort(descending=True)[1]))


def test_before_it_is_fitted(brief):
    made = CAE(brief.study)
    assert (made.fitted, made.problems, repr(made)) == (False, (), "CAE('Sequential', not fitted)")
    for ask in (
        lambda: made.explain(torch.rand(3, 16, 16), 1), lambda: made.codes, lambda: made.weight, lambda: made.centres,
        lambda: made.density, made.plane, made.verdict,
    ):  # fmt: skip
        with pytest.raises(NotFittedError, match=r"not fitted yet; call fit\(\)"):
            ask()


@pytest.mark.parametrize("paper", [False, True])
def test_a_trial_has_the_tasks_of_the_fit_on_fewer_pictures(reader, squares, fit_quietly, paper):
    study = Study(reader(), squares(300))
    cae = CAE.paper(study, epochs=20, width=4) if paper else CAE(study, epochs=20, width=4)
    trial, totals = cae.trial(), {}
    fit_quietly(trial.explainer, progress=Progress(lambda at: totals.update({at.task: at.total})))
    few = 240 / 128
    assert trial.growth == ((few, 20 * few, few) if paper else (few, few, few, 20 * few))
    assert len(totals) == len(trial.growth)
    assert (trial.explainer.study.model, cae.fitted) == (study.model, False)
    assert trial.kept == 240 * (3 * 16 * 16 + 4 * 4 + 2 * 48)


# --- saving -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["brief", "published"])
def test_half_precision_is_smaller_and_moves_no_point_of_the_map(request, name, unseen, tmp_path):
    brief = request.getfixturevalue(name)
    whole, half = brief.save(tmp_path / "whole"), brief.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.8 * whole.stat().st_size
    loaded = CAE.load(half, brief.study)
    assert {tensor.dtype for tensor in loaded._fitted.networks.state_dict().values()} <= {torch.float32, torch.int64}
    assert torch.equal(loaded.codes, brief.codes)
    assert torch.equal(loaded.weight, brief.weight)
    pictures = torch.stack([picture for picture, _ in unseen(brief, 4)])
    ours, theirs = brief.encode(pictures), loaded.encode(pictures)
    assert torch.equal(ours.z, theirs.z)  # no point of the map moves
    assert torch.allclose(ours.reconstructions, theirs.reconstructions, atol=0.01)


def test_pictures_of_another_side_are_refused(brief, squares, tmp_path):
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        CAE.load(brief.save(tmp_path / "cae"), Study(brief.study.model, squares(10, (3, 33, 47))))


# --- the defaults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pictures", "epochs"), [(3, 1000), (32, 1000), (33, 500), (1000, 32), (9000, 32)])
def test_few_pictures_are_seen_more_often(reader, squares, pictures, epochs):
    study = Study(reader(), squares(10), test=squares(2))
    study.train = [study.train[0]] * pictures
    assert CAE(study).settings.recipe.epochs == epochs
    assert CAE(study, epochs=5).settings.recipe.epochs == 5


def test_no_more_pictures_count_than_are_used(reader, squares):
    assert CAE(Study(reader(), squares(100)), pictures=32).settings.recipe.epochs == 1000
