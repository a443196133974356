"""A borrowed model is given back as it was, however many borrow it, and whatever happens."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from torch import nn

from xai_widgets import borrowing
from xai_widgets.borrowing import borrowed


def mixed():
    """A model whose flags differ from module to module and from parameter to parameter."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Sequential(nn.ReLU()))
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def flags(model):
    return [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]


def quiet(model):
    return not any(flags(model)[0]) and not any(flags(model)[1])


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_borrowing_restores_every_flag(error):
    model = mixed()
    before = flags(model)
    assert True in before[0]
    assert False in before[0]
    with ExitStack() as stack:
        if error:
            stack.enter_context(pytest.raises(error))
        with borrowed(model):
            assert quiet(model)
            if error:
                raise error
    assert flags(model) == before


def test_nested_borrowing_lasts_until_the_outermost_ends():
    model = mixed()
    before = flags(model)
    with borrowed(model):
        with borrowed(model):
            assert quiet(model)
        assert quiet(model)
    assert flags(model) == before
    model = mixed()
    with borrowed(model):
        assert model in borrowing._LOANS
    assert model not in borrowing._LOANS


@pytest.mark.parametrize("first_out", [0, 1])
def test_borrowings_of_two_threads_overlap(first_out):
    model = mixed()
    before = flags(model)
    entered, leave, left = ([threading.Event(), threading.Event()] for _ in range(3))

    def borrow(who):
        with borrowed(model):
            entered[who].set()
            assert leave[who].wait(10)
        left[who].set()

    threads = [threading.Thread(target=borrow, args=(who,)) for who in range(2)]
    for who in range(2):
        threads[who].start()
        assert entered[who].wait(10)
        assert quiet(model)
    for who in (first_out, 1 - first_out):
        assert quiet(model)
        leave[who].set()
        assert left[who].wait(10)
    for thread in threads:
        thread.join()
    assert flags(model) == before
