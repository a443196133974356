"""The published guided path of CAE: straight to the class code of a reference picture, until the classifier flips."""

from __future__ import annotations

from torch import Tensor

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""How far along the path its frames lie (kappa)."""


def paper_route(z: Tensor, reference_z: Tensor) -> Tensor:
    """Class codes ``(6, d)`` at `SHARES` of the way from a picture's ``(d,)`` to a reference's of another class."""
    return z + z.new_tensor(SHARES)[:, None] * (reference_z - z)


def first_flip(probabilities: Tensor, source: int) -> float:
    """The share at which the classifier first decides for another class; 1 if it never does.

    Parameters
    ----------
    probabilities
        What the classifier says about each frame of `paper_route`, ``(6, K)``.
    source
        The class it decides for on the picture itself. The first frame is not that picture but its reconstruction, and
        may be decided otherwise; the share is then 0.
    """
    flipped = (probabilities.argmax(1) != source).tolist()
    return next((share for share, other in zip(SHARES, flipped, strict=True) if other), 1.0)
