"""How rows of a batch are shared; what several processes do with them is in scale/test_fits.py."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.together import Group, current, together


@pytest.mark.parametrize(("size", "count"), [(7, 2), (8, 3), (5, 5), (64, 8)])
def test_every_row_belongs_to_one_process(size, count):
    rows = torch.arange(size)
    parts = [Group(number, count).of(size) for number in range(count)]
    assert torch.cat([part.of(rows) for part in parts]).equal(rows)
    assert {part.stop - part.start for part in parts} <= {size // count, size // count + 1}
    for part in parts:
        assert part.times(4).of(rows.repeat_interleave(4)).equal(part.of(rows).repeat_interleave(4))
        thinned = part.of(rows)[-part.start % 3 :: 3]
        assert part.every(3).of(rows[::3]).equal(thinned)


def test_fewer_rows_than_processes_are_computed_by_all():
    part = Group(1, 4).of(3)
    assert part.of(torch.arange(3)).tolist() == [0, 1, 2]
    assert part.count == 1


def test_alone_nothing_changes():
    part, value = Group().of(5), torch.rand(5)
    assert part.of(value) is part.whole(value) is part.mean(value) is value
    assert Group().average([], value) is value
    assert (Group().agree(3, "it"), Group().first_of(4)) == (3, 4)


def test_the_group_is_that_of_the_context():
    with together(Group(1, 2)):
        assert current() == Group(1, 2)
        assert not current().writes
    assert current() == Group()
    with pytest.raises(XaiWidgetsError, match="'fp16' cannot be trained in"), together(Group(precision="fp16")):
        pass
