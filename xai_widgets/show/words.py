"""Numbers and maps in words."""

from __future__ import annotations

import torch
from torch import Tensor


def signed(value: float) -> str:
    """A change with a real minus sign: two decimals below 1, one from there on."""
    return _without_zero_sign(f"{value:+.{_decimals(value)}f}")


def amount(value: float) -> str:
    """The same without a plus sign."""
    return _without_zero_sign(f"{value:.{_decimals(value)}f}")


def where(signed_map: Tensor) -> str:
    """Where most of a map ``(rows, columns)`` is."""
    if signed_map.numel() == 1:
        return "everywhere alike"
    mass = signed_map.abs() / signed_map.abs().sum().clamp_min(1e-12)
    down = _third(mass.sum(1), ("top", "middle", "bottom"))
    across = _third(mass.sum(0), ("left", "centre", "right"))
    return f"most of it at the {down} {across}"


def _without_zero_sign(text: str) -> str:
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def _decimals(value: float) -> int:
    return 2 if abs(value) < 0.95 else 1


def _third(mass: Tensor, words: tuple[str, str, str]) -> str:
    at = float((mass * (torch.arange(len(mass)) + 0.5) / len(mass)).sum())
    return words[min(int(at * 3), 2)]
