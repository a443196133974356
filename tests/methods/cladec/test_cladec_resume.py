"""A fit is the same bits however it came about: at once or in parts, cancelled, saved and loaded."""

from __future__ import annotations

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, CancelledError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.progress import Progress

PICTURES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_all_layers_share_one_pass(fit, new_study, monkeypatch):
    passes = []

    def counted(study, pictures, indices, layers, progress):
        passes.append((pictures, list(layers)))
        return cached_pass(study, pictures, indices, layers, progress)

    monkeypatch.setattr("xai_widgets.methods.cladec.cladec.cached_pass", counted)
    study = new_study()
    made = fit(study, ["conv2", "fc", "conv1", "fc"])
    assert passes == [(study.train, ["conv2", "fc", "conv1"]), (study.test, ["conv2", "fc", "conv1"])]
    assert made.layers == ("conv1", "conv2", "fc")
    assert made.fit(progress=Progress()) is made
    assert len(passes) == 2  # nothing was missing
    made.fit(["fc", "logits"], progress=Progress())
    assert passes[2:] == [(study.train, ["logits"]), (study.test, ["logits"])]


def test_at_most_so_many_pictures_are_used_and_drawn_by_the_seed(fit, new_study, squares, monkeypatch):
    passes = []

    def noted(study, pictures, indices, layers, progress):
        passes.append((pictures is study.test, list(indices)))
        return cached_pass(study, pictures, indices, layers, progress)

    monkeypatch.setattr("xai_widgets.methods.cladec.cladec.cached_pass", noted)
    study = new_study(pictures=squares(60))
    for seed in (3, 3, 4):
        fit(study, "fc", pictures=20, seed=seed, reference=None)
    (_, drawn), (unseen, tested), again, _, (_, others), _ = passes
    assert drawn == study.draw(study.train, 20, 3)
    assert len(set(drawn)) == 20
    assert max(drawn) < 48
    assert unseen
    assert sorted(tested) == list(range(12))
    assert again == (False, drawn)
    assert others != drawn


def test_layers_fitted_later_are_as_if_fitted_at_once(fit, new_study, assert_same_bits):
    assert_same_bits(
        fit(new_study(), ["conv2", "fc"]), fit(new_study(), "fc", more="fc").fit("conv2", progress=Progress())
    )


@pytest.mark.parametrize(
    ("task", "done"),
    [
        ("reading the layers", 1),
        ("ClaDec of conv2", 2),
        ("auto-encoder of conv2", 1),
        ("ClaDec of fc", 3),
        ("auto-encoder of fc", 3),
    ],
)
def test_a_cancelled_fit_goes_on_where_it_was(
    fit, new_study, squares, tmp_path, task, done, assert_same_bits, cancelling
):
    pictures = squares(100)
    unbroken = fit(new_study(pictures=pictures), ["conv2", "fc"], epochs=2)
    broken = ClaDec(new_study(pictures=pictures), ["conv2", "fc"], epochs=2, width=4)
    with pytest.raises(CancelledError, match=task):
        broken.fit(progress=cancelling(task, done), checkpoint=tmp_path)
    assert broken.layers == (("conv2",) if task.endswith("fc") else ())
    assert any(tmp_path.iterdir()) == ("of" in task)
    other = fit(new_study(pictures=pictures), ["conv2", "fc"], epochs=2, checkpoint=tmp_path)
    assert_same_bits(other, unbroken)


def test_it_learns(fit, new_study, squares):
    error = fit(new_study(pictures=squares(160)), "conv2", epochs=8, width=8).report().error
    assert error["cladec"] < 0.5 * error["mean"]
    assert error["reference"] < 0.5 * error["mean"]


def test_what_was_finished_before_a_cancel_is_not_done_again(fit, new_study, tmp_path, cancelling):
    with pytest.raises(CancelledError):
        fit(new_study(), ["conv2", "fc"], progress=cancelling("auto-encoder of fc", 1), checkpoint=tmp_path)
    tasks = []
    fit(new_study(), ["conv2", "fc"], progress=Progress(lambda at: tasks.append(at.task)), checkpoint=tmp_path)
    assert set(tasks) <= {"reading the layers", "auto-encoder of fc"}


def others(new_study, net, squares, settings):
    """A study and settings that differ from the usual ones in one thing, and how to fit them."""
    return {
        "model": (lambda: new_study(net(seed=1)), settings),
        "pictures": (lambda: new_study(pictures=squares(seed=1)), settings),
        "seed": (new_study, settings | {"seed": 1}),
        "epochs": (new_study, settings | {"epochs": 2}),
    }


@pytest.mark.parametrize("differs", ["model", "pictures", "seed", "epochs"])
def test_another_fit_s_checkpoint_is_neither_used_nor_touched(
    fit, assert_same_bits, cancelling, new_study, net, squares, tmp_path, differs
):
    settings = {"layer": "fc", "epochs": 3}
    with pytest.raises(CancelledError):
        fit(new_study(), **settings, progress=cancelling("auto-encoder of fc", 1), checkpoint=tmp_path)
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert left
    study, settings = others(new_study, net, squares, settings)[differs]
    assert_same_bits(fit(study(), **settings, checkpoint=tmp_path), fit(study(), **settings))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == left


def test_a_fit_that_is_done_leaves_nothing_behind(fit, cancelling, new_study, tmp_path):
    with pytest.raises(CancelledError):
        fit(new_study(), ["conv2", "fc"], progress=cancelling("auto-encoder of fc", 1), checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    fit(new_study(), ["conv2", "fc"], checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- saving ------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_it_gives_the_same_pictures(
    assert_same_bits, fitted, new_study, tmp_path, assert_same_pictures
):
    path = fitted.save(tmp_path / "cladec")
    loaded = ClaDec.load(path, new_study())
    assert loaded.settings == fitted.settings
    assert_same_bits(loaded, fitted)
    for layer in fitted.layers:
        assert_same_pictures(loaded.explain(PICTURES, layer, alpha=0.5), fitted.explain(PICTURES, layer, alpha=0.5))
    assert loaded.fit(progress=Progress()) is loaded
    assert loaded.problems_at("fc") == fitted.problems_at("fc")


def test_what_no_picture_depends_on_is_not_saved(fitted, tmp_path):
    tensors, _ = artifact.load(fitted.save(tmp_path / "cladec"), "cladec")
    saved = {key.removeprefix("conv2/encoder.network.") for key in tensors if key.startswith("conv2/encoder.")}
    assert {key.partition(".")[0] for key in saved} == {"conv1", "norm", "conv2"}
    everything = fitted._fitted["fc"].state_dict()
    assert {f"fc/{key}" for key in everything} - tensors.keys() <= {f"fc/{key}" for key in fitted._fitted["fc"].idle()}


def test_half_precision_is_half_as_large_and_almost_the_same(assert_same_pictures, fitted, tmp_path):
    whole, half = fitted.save(tmp_path / "whole"), fitted.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    loaded = ClaDec.load(half, fitted.study)
    assert {tensor.dtype for tensor in loaded._fitted["fc"].state_dict().values()} <= {torch.float32, torch.int64}
    assert_same_pictures(loaded.explain(PICTURES), fitted.explain(PICTURES), atol=0.01)


def test_half_precision_keeps_statistics_beyond_its_range(fit, new_study, assert_same_pictures, tmp_path):
    made = fit(new_study(), "conv2")
    for name, buffer in made._fitted["conv2"].named_buffers():
        if name.endswith("running_var"):
            buffer.fill_(1e6)
    loaded = ClaDec.load(made.save(tmp_path / "half", dtype=torch.float16), made.study)
    assert all(buffer.isfinite().all() for buffer in loaded._fitted["conv2"].buffers())
    assert_same_pictures(loaded.explain(PICTURES), made.explain(PICTURES), atol=0.01)


def test_pictures_of_another_side_are_refused(fitted, new_study, squares, tmp_path):
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        ClaDec.load(fitted.save(tmp_path / "cladec"), new_study(pictures=squares(4, (3, 33, 47))))


def test_without_a_reference_it_is_saved_too(fit, new_study, tmp_path):
    made = fit(new_study(), "fc", reference=None)
    assert ClaDec.load(made.save(tmp_path / "x"), made.study).explain(PICTURES).reference is None


def test_loading_leaves_the_random_numbers(fitted, tmp_path):
    path, before = fitted.save(tmp_path / "x"), torch.get_rng_state()
    ClaDec.load(path, fitted.study)
    assert torch.equal(torch.get_rng_state(), before)
