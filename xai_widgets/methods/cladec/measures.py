"""The measures of a fitted layer, and the checks that mark an under-trained comparison as void."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.cladec.blurred import blur_problems, blurred_alike
from xai_widgets.methods.cladec.explanation import LayerReport
from xai_widgets.methods.cladec.information import aspects_kept
from xai_widgets.methods.cladec.linear import local_error, thumbnail_error, thumbnails
from xai_widgets.methods.common.codes import CachedPass, read_codes
from xai_widgets.probabilities import Scores
from xai_widgets.sizes import is_large

if TYPE_CHECKING:
    from xai_widgets.methods.cladec.layer import FittedLayer

TOLERANCE = 0.03
"""Errors within this share of each other count as equal."""

PENALTIES = (1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties tried, in units of the mean squared length of a code; smaller ones are ill-conditioned."""


def measure(fitted: FittedLayer, seen: CachedPass, unseen: CachedPass, reference: str | None) -> LayerReport:
    """All measures of one layer on unseen pictures; epochs and seconds are for the caller to add."""
    fitted.eval()
    originals = unseen.picture(slice(None)).cpu()
    rebuilt = {name: _rebuilt(fitted, unseen, name) for name in ("cladec", *(["reference"] if reference else []))}
    error = {name: float((pictures - originals).square().mean()) for name, pictures in rebuilt.items()}
    error["ridge"] = ridge_error(fitted.layer, seen, unseen)
    error["mean"] = float((fitted.mean_picture.cpu() - originals).square().mean())
    logits = unseen.study.logits(rebuilt["cladec"])
    kept = {name: aspects_kept(originals, pictures) for name, pictures in rebuilt.items()}
    blurred = {}
    if is_large(unseen.study.shape):
        error |= local_error(fitted.layer, seen, unseen)
        blurred = blurred_alike(unseen.study, originals, unseen.logits, error["cladec"])
    return LayerReport(
        pictures=len(unseen),
        error=error,
        kept=kept,
        agreement=float((logits.argmax(1) == unseen.logits.argmax(1)).float().mean()),
        divergence=_divergence(unseen.study.scores, unseen.logits, logits),
        cycle_error=_cycle_error(fitted, unseen, rebuilt["cladec"]),
        reference=reference or "none",
        problems=own_problems(error) + blur_problems(error, kept["cladec"], blurred),
        epochs={},
        seconds=0.0,
        blurred=blurred,
    )


def own_problems(error: Mapping[str, float]) -> tuple[str, ...]:
    """The inclusion check and the ridge check of one layer.

    The classifier's weights with ClaDec's decoder are one possible auto-encoder, so a trained one that is worse has not
    been trained long enough; and a deep decoder must beat a linear one.
    """
    found = []
    if "reference" in error and error["reference"] > error["cladec"] * (1 + TOLERANCE):
        found.append(
            f"The auto-encoder's error ({error['reference']:.3g}) is above ClaDec's ({error['cladec']:.3g}), so the "
            "auto-encoder is under-trained. Use more epochs or reference='warm'."
        )
    linear = min(error["ridge"], error.get("local", error["ridge"]))
    if error["cladec"] > linear * (1 + TOLERANCE):
        found.append(
            f"A linear decoder ({linear:.3g}) beats ClaDec ({error['cladec']:.3g}), so ClaDec is "
            "under-trained. Use more epochs or pictures."
        )
    return tuple(found)


def depth_problems(layer: str, errors: Mapping[str, float]) -> tuple[str, ...]:
    """The depth check: what a later block knows, an earlier one knew, so the error cannot fall with depth.

    `errors` are ClaDec's, of the fitted blocks in the network's order.
    """
    if layer not in errors:
        return ()
    names = list(errors)
    place = names.index(layer)
    better_later = [name for name in names[place + 1 :] if errors[name] < errors[layer] * (1 - TOLERANCE)]
    return tuple(
        f"The later layer {name} has a smaller error ({errors[name]:.3g}) than this one ({errors[layer]:.3g}), so the "
        "decoder of this layer is under-trained. Use more epochs."
        for name in better_later[:1]
    )


def ridge_error(layer: str, seen: CachedPass, unseen: CachedPass, most: int = 2000) -> float:
    """Error of the linear decoder, in its dual form (as many unknowns as pictures), penalty chosen on pictures seen."""
    from sklearn.kernel_ridge import KernelRidge  # noqa: PLC0415  (slow to import, and only fits need it)

    codes = _flat(seen, layer, slice(0, most))
    pixels = thumbnails(seen, most).flatten(1).numpy()
    middle, centre = codes.mean(0), pixels.mean(0)
    scale = float(((codes - middle) ** 2).sum(1).mean()) or 1.0
    cut = max(len(codes) * 4 // 5, 1)
    held = slice(cut, None) if len(codes) > 1 else slice(None)

    def guess(penalty: float, train: slice, test_codes: np.ndarray, every: int) -> np.ndarray:
        model = KernelRidge(alpha=penalty * scale, kernel="linear")
        model.fit(codes[train] - middle, (pixels[train] - centre)[:, ::every])
        guessed: np.ndarray = np.clip(model.predict(test_codes - middle) + centre[::every], 0, 1)
        return guessed

    def error(penalty: float) -> float:
        """On pictures seen. A few pixels are enough to choose the penalty, and spare most of the time."""
        return float(((guess(penalty, slice(0, cut), codes[held], every=8) - pixels[held][:, ::8]) ** 2).mean())

    chosen = min(PENALTIES, key=error)
    return thumbnail_error(unseen, guess(chosen, slice(None), _flat(unseen, layer, slice(None)), every=1))


def _flat(cached: CachedPass, layer: str, which: slice) -> np.ndarray:
    return cached.code(layer, which).flatten(1).cpu().numpy()


def _rebuilt(fitted: FittedLayer, cached: CachedPass, name: str) -> Tensor:
    """Reconstructions of all cached pictures with all units at alpha 0."""
    everything = torch.ones(fitted.code[0])

    def batch(indices: Tensor) -> Tensor:
        if name == "reference":
            return fitted.from_pictures(cached.picture(indices), everything)
        return fitted.from_code(cached.code(fitted.layer, indices), everything)[0]

    with torch.no_grad():
        return torch.cat([batch(some).cpu() for some in torch.arange(len(cached)).split(cached.study.batch_size)])


def _divergence(scores: Scores, believed: Tensor, said: Tensor) -> float:
    target, guess = scores.log_outcomes(believed), scores.log_outcomes(said)
    return float((target.exp() * (target - guess)).sum(1).mean())


def _cycle_error(fitted: FittedLayer, cached: CachedPass, rebuilt: Tensor, most: int = 256) -> float:
    """Length of the difference between the reconstructions' codes and the originals', over the latter's length."""
    some = rebuilt[:most]
    with cached.study.borrowed(), torch.no_grad():
        again = read_codes(cached.study, some, [fitted.layer])[fitted.layer]
    code = cached.code(fitted.layer, slice(0, len(some)))
    return float(((again - code).norm() / code.norm().clamp_min(1e-9)).cpu())
