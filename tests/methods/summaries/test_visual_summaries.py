"""Visual summaries from pictures to names in a file: known parts are found, and nothing else is believed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from xai_widgets.errors import ArtifactError, CancelledError, LayerError, NotFittedError, PictureError, XaiWidgetsError
from xai_widgets.methods.summaries import paper_likeness
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress


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


def assert_equal(one, other):
    assert one.summaries == other.summaries
    assert torch.equal(one.indices, other.indices)
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
    made = VisualSummaries.paper(parts(), baselines=("mean",), most=6)
    assert isinstance(made.masks.settings, TwoStageSettings)
    assert (made.similarity, made.masks.baselines, made.masks.smallest) == ("proposal flow", ("mean",), 0)
    assert repr(made) == "VisualSummaries('Adds', by proposal flow (maps): 0 found)"
    assert VisualSummaries.paper(parts()).masks.baselines == ("weak blur",)


def test_by_the_published_likeness_every_region_is_in_one_summary(summaries, monkeypatch):
    monkeypatch.setattr(paper_likeness, "BACKGROUND", 30)
    found = summaries(8, similarity="proposal flow").find(1)
    assert sorted(member for one in found.summaries for member in one.members) == list(range(len(found.regions)))
    assert torch.isfinite(found.similarity).all()
    assert torch.allclose(found.similarity, found.similarity.T)


def test_pictures_are_predicted_as_the_class_correctly_or_wrongly(summaries):
    made = summaries(30)
    right, wrong = made.find(1), made.find(1, errors=True)
    assert (right.indices % 3 > 0).all()
    assert (wrong.indices % 3 == 0).all()
    assert (len(right.masks), len(wrong.masks)) == (20, 10)
    assert (wrong.errors, wrong.title) == (True, "mistaken for class 1")
    assert made.found == {(1, False): right, (1, True): wrong}
    for found in (right, wrong):
        assert torch.equal(found.masks.pictures, made.study.train.pictures[found.indices])
        assert found.masks.class_index.tolist() == [1] * len(found.masks)


def test_fewer_pictures_are_the_first_of_more(summaries):
    made = summaries(60)
    few, more = made.find(1, most=5), made.find(1)
    assert len(few.masks) == 5
    assert few.indices.tolist() == more.indices.tolist()[:5]
    assert len(summaries(60, most=7).find(1).masks) == 7


def test_pictures_may_be_chosen_whatever_their_predicted_class_or_come_from_elsewhere(summaries, parts):
    found = summaries().find(1, indices=[7, 3, 0, 12, 9, 1])
    assert found.indices.tolist() == [7, 3, 0, 12, 9, 1]
    assert len(found.masks) == 6
    study = parts(12)
    made = summaries(study=study, pictures=study.test)
    assert torch.equal(made.find(1, indices=range(6)).masks.pictures, study.test.pictures)


def test_pictures_whose_baseline_shows_the_class_are_left_out(summaries):
    found = summaries(blind=(0, 3)).find(1)
    assert {one.picture for one in found.regions} == set(range(16)) - {0, 3}
    assert [one.pictures for one in found.kept] == [14, 14]
    assert "In 2 of 16 pictures (such as 0) the baseline alone still shows the class" in found.verdict()


def test_a_single_region_in_each_picture(summaries, parts):
    found = summaries(study=parts(24, kinds=(0,))).find(1)
    assert len(found.regions) == 16
    assert sum(len(one.members) for one in found.summaries) == 16
    assert [one.evidence for one in found.summaries] == pytest.approx([3] * len(found.summaries), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"errors": True}, "4 pictures are wrongly predicted as 'class 1', and a summary needs 5 or more"),
        ({"indices": [1, 2, 3]}, "3 pictures are given, and a summary needs 5 or more"),
        ({"indices": [0, 1, 2, 3, 12]}, "indices must be different and 0 to 11, but are"),
        ({"indices": [0, 1, 2, 3, -1]}, "indices must be different and 0 to 11, but are"),
        ({"indices": [0, 1, 2, 3, 3]}, "indices must be different and 0 to 11, but are"),
    ],
)
def test_pictures_that_are_too_few_or_do_not_exist(summaries, options, said):
    made = summaries(12)
    with pytest.raises(PictureError, match=said):
        made.find(1, **options)
    assert made.found == {}


def test_of_a_class_that_is_never_predicted(summaries):
    with pytest.raises(PictureError, match="0 pictures are correctly predicted as 'class 0'"):
        summaries().find(0)


@pytest.mark.parametrize("most", [4, 0, -1])
def test_too_few_pictures_to_say_anything(summaries, most):
    with pytest.raises(XaiWidgetsError, match=f"most is {most}, but must be at least 5"):
        summaries(most=most)
    with pytest.raises(XaiWidgetsError, match=f"most is {most}, but must be at least 5"):
        summaries().find(1, most=most)


def test_layers_without_maps_and_likenesses_that_do_not_exist(summaries, new_study, looking):
    with pytest.raises(LayerError, match="no layer is named ''"):
        summaries(layer="")
    with pytest.raises(LayerError, match=r"layer 'fc' gives \(12,\), and regions need maps"):
        VisualSummaries(new_study(), "fc")
    with pytest.raises(LayerError, match="gives maps"):
        VisualSummaries(looking())
    with pytest.raises(XaiWidgetsError, match="similarity is 'hog', but must be one of layer, proposal flow"):
        VisualSummaries(new_study(), similarity="hog")


@pytest.mark.parametrize("task", ["looking for pictures", "crisp masks", "stability", "causal test"])
def test_it_may_be_cancelled_anywhere_and_what_was_found_stays(parts, task):
    made = VisualSummaries(parts(12))
    made.masks.settings = DualSettings(steps=8, cooling=8)
    made.found[1, False] = before = object()
    progress = Progress(lambda state: progress.cancel() if state.task == task else None)
    with pytest.raises(CancelledError, match=f"{task} was cancelled"):
        made.find(1, progress=progress)
    assert made.found == {(1, False): before}


def test_only_what_was_found_can_be_named(summaries):
    made = summaries()
    made.find(1)
    with pytest.raises(XaiWidgetsError, match="there is no summary 3"):
        made.rename(1, 3, "blue")
    for class_index, errors in ((0, False), (1, True)):
        with pytest.raises(NotFittedError, match=f"class {class_index} has not been searched yet"):
            made.rename(class_index, 0, "red", errors=errors)


def test_a_file_holds_all_that_was_found_with_its_names(summaries, planted, tmp_path):
    made = summaries(30, most=12, seed=3)
    made.find(1)
    made.find(1, errors=True)
    made.rename(1, 1, "<b>green</b> \u2192")
    path = made.save(tmp_path / "parts")
    read = VisualSummaries.load(path, made.study)
    read.masks = planted(made.study)
    assert list(read.found) == [(1, False), (1, True)]
    for key, one in read.found.items():
        assert_equal(one, made.found[key])
        assert torch.equal(one.outline(0), made.found[key].outline(0))
    assert read.found[1, False].label(1) == "<b>green</b> \u2192"
    assert (read.layer, read.similarity, read.most, read.seed) == ("maps", "layer", 12, 3)
    assert_equal(read.find(1), made.find(1))


def test_a_small_file_gives_the_same_from_the_study_s_pictures(parts, tmp_path):
    study = parts(12)
    made = VisualSummaries(study, "maps")
    found = made.find(1)
    whole, little = made.save(tmp_path / "whole"), made.save(tmp_path / "little", dtype=torch.float16)
    assert little.stat().st_size < whole.stat().st_size / 3
    read = VisualSummaries.load(little, study)
    again = read.found[1, False]
    assert torch.equal(again.masks.pictures, found.masks.pictures)
    assert torch.equal(again.masks.crisp, found.masks.crisp)
    assert torch.allclose(again.masks.baselines, found.masks.baselines, atol=1e-6)
    assert torch.allclose(again.similarity, found.similarity, atol=1e-5)
    assert (again.summaries, again.verdict()) == (found.summaries, found.verdict())


def test_a_small_file_refuses_other_pictures(parts, tmp_path):
    study = parts(12)
    made = VisualSummaries(study, "maps")
    made.find(1)
    file = made.save(tmp_path / "little", dtype=torch.float16)
    study.train = [(1 - study.train[index][0], study.train[index][1]) for index in range(len(study.train))]
    read = VisualSummaries.load(file, study)
    with pytest.raises(ArtifactError, match="found in other pictures than the study has now; find them again"):
        read.found[1, False].verdict()


def test_settings_of_the_masks_are_saved_with_them(parts, tmp_path):
    study = parts(12)
    brief = DualSettings(steps=4, cooling=4, betas=(0.5, 0.6))
    stages = TwoStageSettings(Stage(2, 0.5, 0.01, 0.0), Stage(2, 0.01, 1.0, 2.0), cell=4)
    for settings, number in ((brief, 1), (stages, 2)):
        masks = CrispMasks(study, count=number, smallest=0.1, baselines=("mean",), settings=settings)
        made = VisualSummaries(study, masks=masks, most=5)
        made.find(1)
        read = VisualSummaries.load(made.save(tmp_path / "found"), study).masks
        assert (read.count, read.smallest, read.baselines, read.settings) == (number, 0.1, ("mean",), settings)


def test_a_fit_finds_every_class_and_says_which_have_too_few_pictures(summaries, tmp_path):
    made, parts = summaries(), []
    assert (made.fitted, made.verdict()) == (False, "")
    made.fit(progress=Progress(), on_part=lambda one: parts.append(list(one.found)))
    assert made.fitted
    assert parts == [[(1, False)]]
    first, second = made.verdict().splitlines()
    assert first == "class 0: 0 pictures are correctly predicted as 'class 0', and a summary needs 5 or more"
    assert second == f"class 1: {made.found[1, False].verdict()}"
    assert VisualSummaries.load(made.save(tmp_path / "all"), made.study).verdict() == made.verdict()
    before = made.found[1, False]
    assert made.fit(progress=Progress()).found[1, False] is before


def test_a_fit_looks_for_no_class_without_pictures(parts, planted):
    study = parts(24)
    study.train.labels = torch.tensor([1, 7] * 12)
    made = VisualSummaries(study, masks=planted(study)).fit(progress=Progress())
    assert (list(made.found), made.skipped) == ([(1, False)], {})


def test_classes_have_names(summaries, parts):
    made = summaries(study=parts(24, class_names=["none", "some"]))
    assert made.find("some", keep=False).class_name == "some"
    assert made.found == {}
    made.find("some")
    assert made.rename("some", 0, "red") is made.found[1, False]
