"""Summaries of two networks: paired by where they lie."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.compare import Comparison, Match, compare
from xai_widgets.methods.summaries.summary import ClassSummaries

SIDES = (33, 47)
HEAD, WING, TAIL = (2, 2, 12, 12), (10, 20, 20, 30), (25, 30, 33, 47)


def pictures(indices):
    """Pictures of a set, each of its own grey."""
    return torch.stack([torch.full((1, *SIDES), index / 100) for index in indices])


@pytest.fixture(scope="module")
def summaries(made_masks, region, summary):
    """Summaries of one class: each group is boxes by row of picture."""

    def summaries(indices, groups, *, problems=None, class_index=0):
        regions, found = [], []
        for number, group in enumerate(groups):
            members = range(len(regions), len(regions) + len(group))
            regions += [region(slice(t, b), slice(f, r), row, SIDES) for row, (t, f, b, r) in group]
            found.append(summary(members, (problems or {}).get(number, ())))
        of, alike = made_masks(pictures(indices)), torch.eye(len(regions))
        given = torch.tensor(indices), of, tuple(regions), alike, tuple(found), {}
        return ClassSummaries(class_index, "ab"[class_index], False, *given)

    return summaries


def everywhere(box, rows=(0, 1, 2)):
    return [(row, box) for row in rows]


def test_a_class_matches_itself(summaries):
    found = summaries([4, 5, 6], [everywhere(HEAD), everywhere(WING)])
    assert compare(found, found) == Comparison((Match(0, 0, 1.0), Match(1, 1, 1.0)), (), (), 3)


def test_what_lies_in_the_same_place_matches_whatever_its_number(summaries):
    first = summaries([4, 5, 6], [everywhere(HEAD), everywhere(WING), everywhere(TAIL)])
    second = summaries([4, 5, 6], [everywhere(TAIL), everywhere(HEAD)])
    found = compare(first, second)
    assert {(match.first, match.second) for match in found.matches} == {(0, 1), (2, 0)}
    assert (found.only_first, found.only_second) == ((1,), ())
    assert compare(second, first).only_second == (1,)


def test_only_shared_pictures_count_whatever_their_order(summaries):
    # Pictures 5 and 6 are shared; in 4 and 7 there is something else.
    first = summaries([4, 5, 6], [[(0, TAIL), (1, HEAD), (2, WING)]])
    second = summaries([6, 7, 5], [[(0, WING), (1, TAIL), (2, HEAD)]])
    assert compare(first, second) == Comparison((Match(0, 0, 1.0),), (), (), 2)


def test_overlap_by_hand(summaries):
    # Picture 0: half of the union in both. Picture 1: only the first has it. Picture 2: neither, so it does not count.
    first = summaries([0, 1, 2], [[(0, (0, 0, 10, 10)), (1, (0, 0, 10, 10))]])
    second = summaries([0, 1, 2], [[(0, (0, 0, 10, 5))]])
    (match,) = compare(first, second).matches
    assert match.overlap == pytest.approx((0.5 + 0) / 2)
    assert compare(first, second, least=0.26).matches == ()
    # Several regions of one picture are one.
    halves, whole = summaries([0], [[(0, (0, 0, 10, 5)), (0, (0, 5, 10, 10))]]), summaries([0], [[(0, (0, 0, 10, 10))]])
    assert compare(halves, whole).matches == (Match(0, 0, 1.0),)


def test_pairs_are_one_to_one_and_the_best_in_all(summaries):
    # The first of the one overlaps both of the other; the second only one of them.
    first = summaries([0], [[(0, (0, 0, 10, 10))], [(0, (0, 0, 10, 6))]])
    second = summaries([0], [[(0, (0, 0, 10, 7))], [(0, (0, 6, 10, 12))]])
    found = compare(first, second)
    assert {(match.first, match.second) for match in found.matches} == {(0, 1), (1, 0)}
    assert [match.overlap for match in found.matches] == [pytest.approx(6 / 7), pytest.approx(4 / 12)]


def test_what_does_not_match_has_no_say(summaries):
    # Added up, the two weak pairs would beat the strong one.
    first = summaries([0], [[(0, (0, 0, 20, 20))], [(0, (0, 0, 20, 10))]])
    second = summaries([0], [[(0, (0, 0, 20, 14))], [(0, (0, 14, 20, 40))]])
    found = compare(first, second, least=0.6)
    assert [(match.first, match.second) for match in found.matches] in ([(0, 0)], [(1, 0)])
    assert found.matches[0].overlap == pytest.approx(10 / 14)


def test_unsound_summaries_are_left_out(summaries):
    first = summaries([0, 1], [everywhere(HEAD, (0, 1)), everywhere(WING, (0, 1))], problems={0: ("rare",)})
    second = summaries([0, 1], [everywhere(HEAD, (0, 1)), everywhere(WING, (0, 1))])
    found = compare(first, second)
    assert found.matches == (Match(1, 1, 1.0),)
    assert (found.only_first, found.only_second) == ((), (0,))


def test_without_sound_summaries_nothing_matches(summaries):
    nothing, some = summaries([0, 1], []), summaries([0, 1], [everywhere(HEAD, (0, 1))])
    assert compare(nothing, some) == Comparison((), (), (0,), 2)
    assert compare(nothing, nothing) == Comparison((), (), (), 2)


def test_the_verdict_has_the_numbers(summaries):
    first = summaries([0, 1], [everywhere(HEAD, (0, 1)), everywhere(WING, (0, 1))])
    second = summaries([0, 1], [everywhere(HEAD, (0, 1))])
    assert compare(first, second).verdict() == (
        "On 2 shared pictures the first network has 2 sound summaries and the second has 1. "
        "1 match, with a mean overlap of 1.00; 1 are only in the first and 0 only in the second."
    )
    assert "overlap" not in compare(summaries([0], []), summaries([0], [])).verdict()


def test_least_and_other_classes_pictures_and_places_are_refused(summaries):
    found = summaries([0, 1], [everywhere(HEAD, (0, 1))])
    for least in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(XaiWidgetsError, match="least is"):
            compare(found, found, least=least)
    with pytest.raises(XaiWidgetsError, match=r"class 0 \(a\) and of class 1 \(b\)"):
        compare(found, summaries([0, 1], [], class_index=1))
    with pytest.raises(XaiWidgetsError, match="share no pictures; find both with the same `indices`"):
        compare(found, summaries([2, 3], []))
    for other in (found.masks.pictures + 0.1, found.masks.pictures[..., :20]):
        with pytest.raises(XaiWidgetsError, match="pictures at the shared indices differ"):
            compare(found, replace(found, masks=replace(found.masks, pictures=other)))
