"""What goes to a device and what comes back. No GPU has run this: a stand-in notes what would be asked of one."""

from __future__ import annotations

import threading

import pytest
import torch

from xai_widgets.devices import EVERY, Unread, later, reads_later, require, sent
from xai_widgets.errors import XaiWidgetsError


class Noted:
    """Stands in for a tensor, and notes how it is moved."""

    def __init__(self, kind):
        self.device, self.calls = torch.device(kind), []

    def pin_memory(self):
        self.calls.append("pinned")
        return self

    def to(self, device, **how):
        self.calls.append((str(device), how))
        return self


@pytest.mark.parametrize(
    ("kind", "device", "calls"),
    [
        ("cpu", "cuda:1", ["pinned", ("cuda:1", {"non_blocking": True})]),
        ("cuda:1", "cuda:1", [("cuda:1", {})]),
        ("cpu", "mps", [("mps", {})]),
        ("cpu", "meta", [("meta", {})]),
        ("cpu", "cpu", [("cpu", {})]),
    ],
)
def test_only_what_goes_from_the_cpu_to_cuda_is_pinned(kind, device, calls):
    tensor = Noted(kind)
    assert sent(tensor, torch.device(device)) is tensor
    assert tensor.calls == calls


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_nothing_waits_for_what_is_sent():
    tensor, device = torch.rand(64), torch.device("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        there = sent(tensor, device)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(there.cpu(), tensor)


def test_on_the_cpu_it_is_the_same_tensor():
    tensor = torch.rand(3)
    assert sent(tensor, torch.device("cpu")) is tensor
    assert sent(tensor, torch.device("meta")).device.type == "meta"


def test_numbers_are_read_together_in_their_order():
    seen, unread = [], Unread()
    given = [torch.tensor(1.5), torch.tensor([0.1], dtype=torch.float64), torch.tensor(True), torch.tensor(1e-40)]
    for place, number in enumerate(given):
        unread.add(number, lambda value, place=place: seen.append((place, value)))
    assert not seen
    unread.read()
    assert seen == [(place, float(number)) for place, number in enumerate(given)]
    unread.read()
    assert len(seen) == len(given)


def complaint(text):
    return lambda: XaiWidgetsError(text)


def test_a_condition_is_read_at_once_or_later():
    with pytest.raises(XaiWidgetsError, match="now"):
        require(torch.tensor(False), complaint("now"))
    done = []

    def loop():
        with later() as unread:
            for step in range(3 * EVERY):
                require(torch.tensor(step < 3), complaint("first" if step == 3 else "not the first"))
                unread.step()
                done.append(step)

    with pytest.raises(XaiWidgetsError, match="first"):
        loop()
    assert len(done) == EVERY - 1
    assert not reads_later()


def test_at_the_end_and_at_an_error_all_is_read():
    def loop(fine, then):
        with later():
            require(torch.tensor(fine), complaint("the cause"))
            then()

    def fail():
        raise ValueError("a consequence")

    for then in (int, fail):
        with pytest.raises(XaiWidgetsError, match="the cause"):
            loop(fine=False, then=then)
    with pytest.raises(ValueError, match="a consequence"):
        loop(fine=True, then=fail)
    assert not reads_later()


def test_other_threads_read_at_once():
    found = []
    with later():
        thread = threading.Thread(target=lambda: found.append(reads_later()))
        thread.start()
        thread.join()
        assert reads_later()
    assert found == [False]
