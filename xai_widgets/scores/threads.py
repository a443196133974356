"""One thread for an exam, so that its numbers do not depend on how many cores the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, numpy and scikit-learn compute with one thread; afterwards with as many as before.

    The order of the additions changes the last digits of a sum, which the training of a network amplifies.
    """
    import torch  # noqa: PLC0415  (the list of exams is read without it)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    before = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(before)
