"""Values that make no sense, drawn by hypothesis once and for all: the same ones in every run."""

from __future__ import annotations

import math
import warnings
from functools import cache

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

HUGE = 10**30

OBJECTS = st.sampled_from(
    ["", "3", "many", "nan", b"3", [], {}, set(), object(), int, 1j, [1, 2], ("a",), {"a": 1}, torch.zeros(2, 2),
     np.zeros((3, 1)), np.array("x"), torch.tensor([[1], [2]]), print, range(0), ..., NotImplemented]
)  # fmt: skip
BOOLS = st.sampled_from([True, False, np.True_, np.False_, torch.tensor(True), torch.tensor(False)])
NOT_FINITE = st.sampled_from(
    [
        math.nan,
        math.inf,
        -math.inf,
        np.float32("nan"),
        np.float64("inf"),
        torch.tensor(math.nan),
        torch.tensor(-math.inf),
    ]
)
FRACTIONS = st.floats(-1e6, 1e6).filter(lambda number: not number.is_integer())
NEGATIVE = st.integers(max_value=-1) | st.sampled_from([np.int64(-1), torch.tensor(-5), -HUGE])
NONE = st.none()


def too_low(least):
    return st.integers(max_value=least - 1) | st.sampled_from([np.int64(least - 1), torch.tensor(least - 1), -HUGE])


def too_high(most):
    return st.integers(min_value=most + 1) | st.just(HUGE)


def no_whole(least, most=10**9):
    return OBJECTS | BOOLS | NOT_FINITE | FRACTIONS | st.just(3.0) | too_low(least) | too_high(most)


def no_real(low, high, apart=()):
    outside = [*apart, *(one for one in (low - 1, low - 1e-3, high * (1 + 1e-6) + 1e-6, high * 10) if abs(one) < 1e308)]
    return OBJECTS | BOOLS | NOT_FINITE | st.sampled_from([*outside, HUGE * 10**10, -HUGE * 10**10, 10**400])


def not_of(*known):
    texts = st.text(max_size=8).filter(lambda text: text not in known)
    return texts | OBJECTS.filter(lambda one: not (isinstance(one, str) and one in known)) | BOOLS | NOT_FINITE


SWITCH = OBJECTS | NOT_FINITE | st.integers() | st.sampled_from(["yes", "False", 0, 1, 1.0])
OBJECT = OBJECTS | BOOLS | NOT_FINITE | st.integers() | st.text(max_size=5)

KINDS = {
    "whole": no_whole(0),
    "count": no_whole(1),
    "pair": no_whole(2),
    "steps": no_whole(1, 10**6),
    "batch": no_whole(1, 10**6),
    "width": no_whole(1, 4096),
    "seed": no_whole(0, 2**63 - 1),
    "share": no_real(0, 1),
    "inside": no_real(0, 1, (0, 1)),
    "below-one": no_real(0, 1, (1,)),
    "positive": no_real(0, 1e30, (0, -0.0)),
    "weight": no_real(0, 1e30),
    "mean": no_real(-1e6, 1e6),
    "std": no_real(1e-6, 1e6, (0, 1e-9)),
    "grey": no_real(0, 255),
    "species": no_whole(2, 24),
    "birds": no_whole(1, 10**6),
    "side": no_whole(8, 4096),
    "masks": no_whole(1, 1000),
    "frames": no_whole(2, 10_000),
    "five": no_whole(5),
    "feature": no_whole(0, 1),
    "index": OBJECTS | BOOLS | NOT_FINITE | FRACTIONS | st.integers(min_value=1000) | st.just(HUGE),
    "switch": SWITCH,
    "object": OBJECT,
    "no-pictures": OBJECT.filter(lambda one: not isinstance(one, torch.Tensor | list | tuple)) | st.sampled_from(
        [[1, 2], ("a", "b"), [torch.zeros(2)] * 3, [{"image": 1}] * 3, [(torch.zeros(3, 8, 8), 0.5)] * 3]
    ),
    "labels": OBJECT.filter(lambda one: one != {}) | st.sampled_from([{0: "z"}, {0: 4}, {0: -1}, {0: True}, {-1: 0}]),
    "layers": OBJECT,
    "classes": OBJECTS.filter(lambda one: not isinstance(one, torch.Tensor)) | BOOLS | NOT_FINITE,
    "sides": OBJECTS | BOOLS | NOT_FINITE | NEGATIVE | st.sampled_from([1, 4097, (64,), (64, 1), (64, 64, 64), "64"]),
    "size": OBJECTS | BOOLS | NOT_FINITE | NEGATIVE | st.sampled_from([15, 4097, (64,), (64, 8), (64, 64, 64), "64"]),
    "factors": OBJECTS | NOT_FINITE | BOOLS,
    "no-number": OBJECTS | BOOLS | NOT_FINITE,
    "no-path": OBJECTS.filter(lambda one: not isinstance(one, str)) | BOOLS | NOT_FINITE | st.just("a\0b"),
    "no-text": OBJECTS.filter(lambda one: not isinstance(one, str)) | BOOLS | NOT_FINITE,
    "scores": not_of("softmax", "sigmoid"),
    "layer": not_of("conv1", "norm", "relu", "conv2", "pool", "flat", "dropout", "fc", "logits"),
    "target": not_of("a", "b", "c", "d", "runner-up").filter(lambda one: not callable(one))
    | NEGATIVE | FRACTIONS | st.integers(min_value=4),
    "several-whole": no_whole(0).filter(lambda one: not isinstance(one, range)).map(lambda one: [1, one])
    | st.sampled_from(["12", b"12", 3, 1.5, {"a": 1}, {1, 2}]),
}  # fmt: skip

SHAPES = [(8, 8), (1, 8, 8), (4, 8, 8), (2, 4, 8, 8), (2, 1, 8, 8), (1, 3, 8, 8, 1), (0,), (), (0, 3, 8, 8)]
LEVELS = [math.nan, math.inf, -math.inf, 1.5, 255.0, -0.5, -1e30, 1e30]
TYPES = [torch.uint8, torch.int64, torch.int8, torch.bool, torch.complex64]


def spoilt(level, place):
    """Pictures of which one number makes no sense."""
    pictures = torch.full((2, 3, 8, 8), 0.5)
    pictures.view(-1)[place] = level
    return pictures


KINDS["pictures"] = (
    OBJECTS
    | BOOLS
    | NOT_FINITE
    | st.sampled_from(SHAPES).map(torch.zeros)
    | st.builds(spoilt, st.sampled_from(LEVELS), st.integers(0, 383))
    | st.sampled_from(TYPES).map(lambda kind: torch.zeros(1, 3, 8, 8, dtype=kind))
    | st.sampled_from([np.zeros((1, 3, 8, 8), np.float32), [torch.zeros(3, 8, 8)], (torch.zeros(3, 8, 8), 0)])
)
KINDS["pictures-of-one-size"] = KINDS["pictures"] | st.sampled_from(
    [torch.zeros(3, 9, 8), torch.zeros(2, 3, 8, 7), torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 0, 8)]
)

NO_NUMBER = st.text(max_size=6).filter(lambda text: not text.strip().isdigit()) | st.sampled_from(
    ["", "1.5", "nan", "inf", "-inf", "1e3", "0x10", "True", "None", "--", "1,2", "9" * 5000, "-1", f"{2**64}", "-0.5"]
)
TEXTS = {
    "seed": NO_NUMBER,
    "epochs": NO_NUMBER | st.sampled_from(["0", f"{HUGE}"]),
    "port": NO_NUMBER | st.sampled_from(["0", "65536"]),
    "size": NO_NUMBER.filter(lambda text: "x" not in text)
    | st.sampled_from(["0", "1", "4097", "8x", "x8", "8x8x8", "0x8"]),
    "mean": st.sampled_from(["nan", "inf", "-inf", "", "x", "1e300", "1e9", "0,5", "None", "1j", "9" * 400]),
    "std": st.sampled_from(["nan", "inf", "-inf", "", "x", "1e300", "0", "-1", "0.0", "-0.0", "1e-300", "1e-9", "1j"]),
    "word": st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=8).map(
        lambda text: f"no {text}"
    ),
}
KINDS |= {f"text-{name}": texts for name, texts in TEXTS.items()}


@cache
def drawn(kind, none=False, count=24):
    """So many values of a kind, and None where that is no default."""
    found = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(KINDS[kind])
    def note(value):
        found.append(value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        note()
    return tuple(found) + ((None,) if none else ())
