"""Visual summaries from pictures to names in a file: known parts are found, and nothing else is believed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, CancelledError, LayerError, PictureError, XaiWidgetsError
from xai_widgets.methods.summaries import clusters
from xai_widgets.methods.summaries import paper_likeness as proposal_flow
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import TwoStageSettings
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.study import Study


@pytest.fixture
def summaries(parts, planted):
    """Summaries of a study of three parts, with known masks."""

    def summaries(count=24, shape=(3, 28, 28), *, blind=(), study=None, **options):
        study = study or parts(count, shape)
        return VisualSummaries(study, masks=planted(study, blind), **options)

    return summaries


def kinds_of(found, one):
    """How many members of a summary are of each part."""
    width = found.masks.pictures.shape[3]
    return Counter(int(width * found.regions[member].centre[1] // 10) for member in one.members)


def groups(found):
    """Summaries as sets of (picture, first row, first column), whatever order they are in."""
    regions = [(int(found.places[one.picture]), *one.box[:2]) for one in found.regions]
    return {frozenset(regions[member] for member in one.members) for one in found.summaries}


def assert_equal(one, other):
    assert one.summaries == other.summaries
    assert torch.equal(one.places, other.places)
    assert torch.equal(one.similarity, other.similarity)
    assert torch.equal(one.masks.soft, other.masks.soft)


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 33, 47), (3, 29, 40)])
def test_three_planted_parts_are_three_summaries_of_which_two_are_used(summaries, shape):
    found = summaries(shape=shape).find(1)
    assert [dict(kinds_of(found, one)) for one in found.summaries] == [{0: 16}, {1: 16}, {2: 16}]
    assert [one.sound for one in found.summaries] == [True, True, False]
    assert [one.evidence for one in found.summaries] == pytest.approx([3, 2, 0], abs=1e-4)
    assert (found.class_name, found.errors, found.similarity.shape) == ("class 1", False, (48, 48))
    assert found.origin["layer"] == "maps"
    assert found.origin["seconds"] > 0


def test_with_masks_that_are_searched_for_the_part_that_is_not_used_is_not_even_seen(parts):
    found = VisualSummaries(parts(24)).find(1)
    assert found.masks.sound.all()
    assert [dict(kinds_of(found, one)) for one in found.summaries] == [{0: 16}, {1: 16}]
    assert [one.evidence for one in found.kept] == pytest.approx([3, 2], abs=0.1)


def test_the_published_way_has_the_published_masks_and_likeness(parts):
    made = VisualSummaries.paper(parts(), references=("mean",), most=6)
    assert isinstance(made.masks.settings, TwoStageSettings)
    assert (made.similarity, made.masks.references, made.masks.smallest) == ("proposal flow", ("mean",), 0)
    assert repr(made) == "VisualSummaries('Adds', by proposal flow (maps): 0 found)"
    assert VisualSummaries.paper(parts()).masks.references == ("weak blur",)


def test_by_the_published_likeness_every_region_is_in_one_summary(summaries, monkeypatch):
    monkeypatch.setattr(proposal_flow, "BACKGROUND", 30)
    found = summaries(8, similarity="proposal flow").find(1)
    assert sorted(member for one in found.summaries for member in one.members) == list(range(len(found.regions)))
    assert torch.isfinite(found.similarity).all()
    assert torch.allclose(found.similarity, found.similarity.T)


# --- which pictures --------------------------------------------------------------------------------------------


def test_pictures_are_rightly_called_the_class_or_wrongly(summaries):
    made = summaries(30)
    right, wrong = made.find(1), made.find(1, errors=True)
    assert all(place % 3 for place in right.places.tolist())
    assert not any(place % 3 for place in wrong.places.tolist())
    assert (len(right.masks), len(wrong.masks)) == (20, 10)
    assert (wrong.errors, wrong.title) == (True, "wrongly called class 1")
    assert made.found == {(1, False): right, (1, True): wrong}
    for found in (right, wrong):
        assert torch.equal(found.masks.pictures, made.study.train.pictures[found.places])
        assert found.masks.classes.tolist() == [1] * len(found.masks)


def test_fewer_pictures_are_the_first_of_more(summaries):
    made = summaries(60)
    few, more = made.find(1, most=5), made.find(1)
    assert len(few.masks) == 5
    assert few.places.tolist() == more.places.tolist()[:5]
    assert len(summaries(60, most=7).find(1).masks) == 7


def test_pictures_may_be_chosen_whatever_they_are_called(summaries):
    found = summaries().find(1, places=[7, 3, 0, 12, 9, 1])
    assert found.places.tolist() == [7, 3, 0, 12, 9, 1]
    assert len(found.masks) == 6


def test_other_pictures_than_those_of_the_study(summaries, parts):
    study = parts(12)
    made = summaries(study=study, pictures=study.test)
    assert torch.equal(made.find(1, places=range(6)).masks.pictures, study.test.pictures)


def test_the_order_of_pictures_changes_no_group(summaries):
    made, order = summaries(), torch.randperm(24).tolist()
    assert groups(made.find(1, places=range(24))) == groups(made.find(1, places=order))


def test_pictures_whose_reference_shows_the_class_are_left_out(summaries):
    found = summaries(blind=(0, 3)).find(1)
    assert {one.picture for one in found.regions} == set(range(16)) - {0, 3}
    assert [one.pictures for one in found.kept] == [14, 14]
    assert "Of 2 of 16 pictures (such as 0) the reference still shows the class" in found.verdict()


def test_the_same_seed_gives_the_same_bits_and_no_global_random_number_is_drawn(net, new_study, squares):
    study = new_study(pictures=squares(shape=(1, 33, 47)), model=net(channels=1))
    state = torch.random.get_rng_state()
    brief = CrispMasks(study, settings=DualSettings(steps=4, cooling=4), references=("mean", "other"))
    one, other = (VisualSummaries(study, masks=brief, seed=5).find(0, places=range(8)) for _ in range(2))
    assert_equal(one, other)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("limit", [("ITERATIONS", 3), ("MOST_REGIONS", 4)])
def test_the_parts_are_found_by_average_linkage_too(summaries, monkeypatch, limit):
    monkeypatch.setattr(clusters, *limit)
    found = summaries().find(1)
    assert [dict(kinds_of(found, one)) for one in found.summaries] == [{0: 16}, {1: 16}, {2: 16}]


def test_a_single_region_in_each_picture(summaries, parts):
    found = summaries(study=parts(24, kinds=(0,))).find(1)
    assert len(found.regions) == 16
    assert sum(len(one.members) for one in found.summaries) == 16
    assert [one.evidence for one in found.summaries] == pytest.approx([3] * len(found.summaries), abs=1e-4)


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_index", [-1, 2, 99])
def test_there_are_only_so_many_classes(summaries, class_index):
    with pytest.raises(XaiWidgetsError, match=f"there is no class {class_index}, only 0 to 1"):
        summaries().find(class_index)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"errors": True}, "4 pictures are wrongly called 'class 1', and a summary needs 5 or more"),
        ({"places": [1, 2, 3]}, "3 pictures are given, and a summary needs 5 or more"),
        ({"places": [0, 1, 2, 3, 12]}, "places must be different and 0 to 11, and are"),
        ({"places": [0, 1, 2, 3, -1]}, "places must be different and 0 to 11, and are"),
        ({"places": [0, 1, 2, 3, 3]}, "places must be different and 0 to 11, and are"),
    ],
)
def test_pictures_that_are_too_few_or_do_not_exist(summaries, options, said):
    made = summaries(12)
    with pytest.raises(PictureError, match=said):
        made.find(1, **options)
    assert made.found == {}


def test_of_a_class_that_nothing_is_called(summaries):
    with pytest.raises(PictureError, match="0 pictures are rightly called 'class 0'"):
        summaries().find(0)


@pytest.mark.parametrize("most", [4, 0, -1])
def test_too_few_pictures_to_say_anything(summaries, most):
    with pytest.raises(XaiWidgetsError, match=f"most is {most}, but a summary needs 5"):
        summaries(most=most)
    with pytest.raises(XaiWidgetsError, match=f"most is {most}, but a summary needs 5"):
        summaries().find(1, most=most)


@pytest.mark.parametrize(("layer", "said"), [("map", "closest: 'maps'"), ("", "no layer is named ''")])
def test_wrong_layers(summaries, layer, said):
    with pytest.raises(LayerError, match=said):
        summaries(layer=layer)


def test_layers_without_maps_and_likenesses_that_do_not_exist(new_study, looking):
    with pytest.raises(LayerError, match=r"layer 'fc' gives \(12,\), and regions need maps"):
        VisualSummaries(new_study(), "fc")
    with pytest.raises(LayerError, match="gives maps"):
        VisualSummaries(looking())
    with pytest.raises(XaiWidgetsError, match="similarity is 'hog', but must be one of layer, proposal flow"):
        VisualSummaries(new_study(), similarity="hog")


def test_pictures_with_nan_are_refused(parts, planted):
    study = parts(12)
    study.train.pictures[4, 0, 3, 3] = float("nan")
    for options in ({}, {"places": range(12)}):
        with pytest.raises(PictureError, match="hold NaN"):
            VisualSummaries(study).find(1, **options)


def test_masks_for_another_classifier_are_refused(summaries, planted, parts):
    made = summaries()
    made.masks = CrispMasks(parts(weights=(1.0, 1.0, 3.0)), settings=DualSettings(steps=2, cooling=2))
    with pytest.raises(XaiWidgetsError, match="found for another classifier"):
        made.find(1)


# --- stopping --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["looking for pictures", "crisp masks", "stability", "causal test"])
def test_it_may_be_cancelled_anywhere_and_what_was_found_stays(parts, task):
    study = parts(12)
    study.model.train()
    study.model.weights.requires_grad_(False)
    made = VisualSummaries(study, masks=CrispMasks(study, settings=DualSettings(steps=8, cooling=8)))
    made.found[1, False] = before = object()
    progress = Progress(lambda state: progress.cancel() if state.task == task else None)
    with pytest.raises(CancelledError, match=f"{task} was cancelled"):
        made.find(1, progress=progress)
    assert made.found == {(1, False): before}
    assert study.model.training
    assert study.model.maps.training
    assert not study.model.weights.requires_grad
    assert study.model.weights.grad is None
    assert study.model.weights.tolist() == [3, 2, 0]


# --- names and files -------------------------------------------------------------------------------------------


def test_names_are_kept(summaries):
    made = summaries()
    made.find(1)
    renamed = made.rename(1, 0, "red")
    assert made.found[1, False] is renamed
    assert renamed.label(0) == "red"
    with pytest.raises(XaiWidgetsError, match="there is no summary 3"):
        made.rename(1, 3, "blue")
    for class_index, errors in ((0, False), (1, True)):
        with pytest.raises(XaiWidgetsError, match=f"nothing was found of class {class_index} yet"):
            made.rename(class_index, 0, "red", errors=errors)


def test_a_file_holds_all_that_was_found_with_its_names(summaries, planted, tmp_path):
    made = summaries(30, most=12, seed=3)
    made.find(1)
    made.find(1, errors=True)
    made.rename(1, 1, "<b>green</b> \u2192")
    path = made.save(tmp_path / "parts")
    read = VisualSummaries.load(path, made.study, masks=planted(made.study), pictures=made.study.train)
    assert list(read.found) == [(1, False), (1, True)]
    for key, one in read.found.items():
        assert_equal(one, made.found[key])
        assert torch.equal(one.outline(0), made.found[key].outline(0))
    assert read.found[1, False].label(1) == "<b>green</b> \u2192"
    assert (read.layer, read.similarity, read.most, read.seed) == ("maps", "layer", 12, 3)
    assert_equal(read.find(1), made.find(1))


def test_a_file_may_hold_nothing(summaries, tmp_path):
    made = summaries()
    assert VisualSummaries.load(made.save(tmp_path / "none"), made.study).found == {}


def test_files_of_other_models_and_other_things_are_refused(summaries, parts, tmp_path):
    made = summaries()
    made.find(1)
    path = made.save(tmp_path / "parts")
    with pytest.raises(ArtifactError, match="was made from another model"):
        VisualSummaries.load(path, parts(weights=(1.0, 1.0, 1.0)))
    with pytest.raises(ArtifactError, match="does not exist"):
        VisualSummaries.load(tmp_path / "none", made.study)
    (tmp_path / "foreign.safetensors").write_bytes(b"GIF89a")
    with pytest.raises(ArtifactError, match="cannot be read"):
        VisualSummaries.load(tmp_path / "foreign", made.study)
    other = artifact.save(tmp_path / "other", "cladec", {}, {})
    with pytest.raises(ArtifactError, match="holds 'cladec', not 'visual summaries'"):
        VisualSummaries.load(other, made.study)


@pytest.mark.parametrize("missing", ["layer", "found", "0/similarity", "0/region_places"])
def test_a_file_that_lacks_something_is_refused(summaries, tmp_path, missing):
    made = summaries()
    made.find(1)
    tensors, details = artifact.load(made.save(tmp_path / "parts"), "visual summaries")
    for lacking in (tensors, details):
        lacking.pop(missing, None)
    path = artifact.save(tmp_path / "lacking", "visual summaries", tensors, details)
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        VisualSummaries.load(path, made.study)


def test_a_study_knows_its_classes_by_name(parts, planted):
    study = Study(parts().model, parts(24).train, class_names=["none", "some"])
    assert VisualSummaries(study, masks=planted(study)).find(1).class_name == "some"
