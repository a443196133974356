"""Kinds of places inside the masks of a data set: exact answers from pictures with two colours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xai_widgets
from tests.loading import module_at
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.scale.browsing import Table
from xai_widgets.scale.held import held

HERE = Path(__file__).parent
BOTH = [1, 5, 7, 9, 11, 13, 15, 17]
"""Pictures of both colours; 3 is broken."""


@pytest.fixture(scope="module")
def painted():
    """The script of painted pictures, as a module."""
    return module_at(HERE / "painted.py")


@pytest.fixture(scope="module")
def found(painted, tmp_path_factory):
    return painted.run(tmp_path_factory.mktemp("painted") / "out")


def of(found, predicted=None, **more):
    table = Table.of(found)
    made = held(found, table, predicted, **more)
    return made, [sorted(table.index[kind.members].tolist()) for kind in made.kinds]


def test_each_connected_part_has_places_of_its_own(found, painted):
    both, red, broken = found.rows([5, 4, 3])
    assert both["place_parts"] == [0] * 5 + [1] * 3  # the bar is larger
    assert both["places"] == [pytest.approx(painted.GREEN, abs=1e-3)] * 5 + [pytest.approx(painted.RED, abs=1e-3)] * 3
    assert both["place_rows"][5:] == pytest.approx([3 / 12, 5 / 12, 5 / 12])
    assert both["place_columns"][5:] == pytest.approx([3 / 16, 3 / 16, 5 / 16])
    assert red["place_parts"] == [0] * 4
    assert broken["places"] is None
    assert "places" not in found.table().column_names


def test_two_colours_are_two_kinds_of_places(found):
    assert len(found.numbers) == 3
    made, members = of(found)
    assert members == [[i for i in range(18) if i != 3], BOTH]
    assert (made.pictures, made.places, made.sampled) == (17, 8 * 8 + 9 * 4, 100)
    red, green = made.kinds
    assert (red.classes, green.classes) == (2, 1)
    assert red.sameness == green.sameness == pytest.approx(1, abs=1e-4)
    assert (red.at < 0.5).all()
    assert (green.at > 0.5).all()
    assert red.mean[:4, :4].sum() == pytest.approx(1)
    assert green.mean[4:, 4:].sum() == pytest.approx(1)


def test_kinds_of_one_class(found):
    made, members = of(found, 1)
    assert sorted(members) == [BOTH, BOTH]
    assert made.places == 64
    made, members = of(found, 0)  # one colour is one kind
    assert members == [list(range(0, 18, 2))]


def test_a_sample_is_said_to_be_one(found):
    made, members = of(found, most=40)
    assert (made.sampled, made.places) == (40, 100)
    assert members == [[i for i in range(18) if i != 3], BOTH]


def same(one, other):
    for ours, theirs in zip(one.kinds, other.kinds, strict=True):
        assert all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("members", "at", "mean"))


def test_shards_of_another_size_give_the_same_kinds(found, painted, tmp_path):
    other = painted.run(tmp_path / "out", shard=20)
    assert len(other.numbers) == 1
    same(of(found)[0], of(other)[0])


def test_two_processes_give_the_same_kinds(found, launched, tmp_path):
    line = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, HERE / "painted.py", tmp_path / "out"]
    ended = subprocess.run(
        [sys.executable, *map(str, line)],
        env=os.environ | launched | {"PYTHONPATH": str(Path(xai_widgets.__file__).parents[1])},
        check=False, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    other = xai_widgets.Explanations.open(tmp_path / "out")
    assert [other.path(n).read_bytes() for n in other.numbers] == [found.path(n).read_bytes() for n in found.numbers]
    same(of(found)[0], of(other)[0])


def test_without_places_it_says_who_writes_them(whole):
    with pytest.raises(XaiWidgetsError, match="no places inside masks; xai-widgets explain masks writes them"):
        of(whole)
