"""What is believed: exact numbers of summaries by construction, and each way not to be believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.errors import CancelledError
from xai_widgets.methods.summaries import judge
from xai_widgets.methods.summaries.judge import judged
from xai_widgets.methods.summaries.regions import regions
from xai_widgets.methods.summaries.summary import Summary
from xai_widgets.progress import Progress

SOUND = Summary((0, 1), 20, 0.5, 0.9, 0.3, 0.2, 0.4, 1.0, 0.8, 1.2)


@pytest.fixture(scope="module")
def asked(parts, planted):
    """A study, masks and regions of pictures of three parts, and which part each region is."""
    study = parts(12)
    masks = planted(study).find(study.train.pictures, torch.ones(12, dtype=torch.long))
    pieces = regions(study, masks)
    return study, masks, pieces, torch.tensor([int(28 * one.centre[1] // 10) for one in pieces])


def by_kind(kinds, within=1.0, between=0.0):
    """Similarities of regions that are of one kind or not; all a little different."""
    wobble = 0.01 * torch.rand(len(kinds), len(kinds), generator=torch.Generator().manual_seed(0))
    alike = torch.where(kinds[:, None] == kinds, within, between)
    return alike - (wobble + wobble.T) * (1 - torch.eye(len(kinds)))


def test_each_part_is_a_summary_with_its_weight(asked):
    study, masks, pieces, kinds = asked
    found = judged(study, masks, pieces, by_kind(kinds))
    assert [[int(kinds[member]) for member in one.members] for one in found] == [[0] * 12, [1] * 12, [2] * 12]
    for one, weight in zip(found, (3, 2, 0), strict=True):
        assert (one.evidence_low, one.evidence, one.evidence_high) == pytest.approx((weight,) * 3, abs=1e-4)
        assert one.drop_low <= one.drop <= one.drop_high
        assert (one.pictures, one.stability) == (12, 1)
        assert one.coherence == pytest.approx(1, abs=0.05)
    assert [one.sound for one in found] == [True, True, False]
    assert found[2].problems == ("not used: evidence 0 (0 to 0)",)


def test_the_exemplar_is_first_and_then_what_is_most_like_it(asked):
    study, masks, pieces, kinds = asked
    similarity = by_kind(kinds)
    for one in judged(study, masks, pieces, similarity):
        own = similarity[one.exemplar, list(one.members)]
        assert own.tolist() == sorted(own.tolist(), reverse=True)
        assert own[0] == 1


def test_two_regions_of_one_picture_are_removed_together_and_count_once(asked):
    study, masks, pieces, _ = asked
    (both,) = judged(study, masks, [one for one in pieces if 28 * one.centre[1] < 20], torch.ones(24, 24))
    assert (len(both.members), both.pictures) == (24, 12)
    assert both.evidence == pytest.approx(5, abs=1e-4)


def test_sound_summaries_come_before_those_with_more_evidence(asked):
    study, masks, pieces, kinds = asked
    some = [at for at, one in enumerate(pieces) if kinds[at] or one.picture < 4]
    found = judged(study, masks, [pieces[at] for at in some], by_kind(kinds[some]))
    assert [one.problems[:1] for one in found[:2]] == [(), ("rare: in 4 of 12 pictures",)]
    assert [round(one.evidence) for one in found] == [2, 3, 0]


def test_regions_that_are_all_equal_are_one_summary_and_a_single_one_is_too_rare(asked):
    study, masks, pieces, _ = asked
    (found,) = judged(study, masks, pieces, torch.full((36, 36), 0.7))
    assert found.members == tuple(range(36))
    assert (found.coherence, found.stability) == (pytest.approx(0.7), 1)
    assert found.sound
    (single,) = judged(study, masks, pieces[:1], torch.ones(1, 1))
    assert (single.members, single.problems) == ((0,), ("rare: in 1 of 12 pictures",))


@pytest.mark.parametrize(
    ("wrong", "count", "said"),
    [
        ({"pictures": 4}, 20, "rare: in 4 of 20 pictures"),
        ({"pictures": 9}, 100, "rare: in 9 of 100 pictures"),
        ({"coherence": 0.1}, 20, "mixed: coherence 0.10"),
        ({"coherence": float("nan")}, 20, "mixed: coherence nan"),
        ({"stability": 0.59}, 20, "unstable: stability 0.59"),
        ({"evidence_low": 0.1}, 20, r"not used: evidence 1 (0.1 to 1.2)"),
        ({"evidence_low": float("nan")}, 20, r"not used: evidence 1 (nan to 1.2)"),
    ],
)
def test_what_speaks_against_a_summary(wrong, count, said):
    assert judge._problems(replace(SOUND, **wrong), count) == (said,)


def test_what_is_just_good_enough():
    assert judge._problems(SOUND, 20) == ()
    assert judge._problems(replace(SOUND, pictures=5, stability=0.6, coherence=0.11, evidence_low=0.11), 50) == ()
    assert len(judge._problems(Summary((0,), 1, *[0.0] * 8), 50)) == 4


@pytest.mark.parametrize("task", ["stability", "causal test"])
def test_every_step_is_told_and_may_be_the_last(asked, task):
    study, masks, pieces, kinds = asked
    progress = Progress(lambda state: progress.cancel() if state.task == task and state.done else None)
    with pytest.raises(CancelledError, match=f"{task} was cancelled"):
        judged(study, masks, pieces, by_kind(kinds), progress=progress)
