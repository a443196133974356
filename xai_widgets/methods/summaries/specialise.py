"""Classifiers specialised on summaries: what a network gains where each part it looks at is asked alone.

For each sound summary a linear SVM (C = 1) tells its class from the rest by the network's penultimate features of
pictures with everything outside the summary's region blurred. With ``z`` for standard scores over the pictures that
the SVMs are fitted on, and the mean over the class's SVMs, the score of a class is ::

    (1 - w) z(logit) + w z(mean z(SVM))

where all logits share one mean and deviation, so that ``w = 0`` is the network itself. ``w`` is the least of those
with the best accuracy on pictures that are held out of the fit.

A new picture has neither label nor mask: `summaries.located` says where a summary is in it. All pictures are treated
so, those of the summary, too.

What the network was itself trained on it already answers too well: it then seems to need no help, and `w` comes out
small.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.errors import LayerError, PictureError, XaiWidgetsError
from xai_widgets.layers import as_code
from xai_widgets.methods.masking.references import REFERENCES
from xai_widgets.methods.summaries.causal import interval
from xai_widgets.methods.summaries.located import Part, parts_of
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

Floats = npt.NDArray[np.float64]

MOST = 1000
"""Most pictures that are drawn for fitting, and most that the result is measured on."""

HELD_OUT = 0.25
"""Share of the pictures for fitting that the weight is chosen on."""

WEIGHTS = np.linspace(0, 1, 21)
"""Weights that are tried."""


@dataclass(frozen=True)
class Specialised:
    """What SVMs of summaries add to a network.

    Attributes
    ----------
    accuracy, accuracy_alone
        On unseen pictures, with the SVMs and of the network alone.
    accuracy_whole
        The same with one SVM per class of whole pictures: what SVMs add without any summary.
    gain, gain_low, gain_high
        Accuracy with the SVMs minus that alone, and its 95 % bootstrap interval over pictures.
    weight
        Of the SVMs, 0 to 1.
    summaries
        How many SVMs there are.
    pictures
        How many unseen pictures there are.
    """

    accuracy: float
    accuracy_alone: float
    accuracy_whole: float
    gain: float
    gain_low: float
    gain_high: float
    weight: float
    summaries: int
    pictures: int

    def verdict(self) -> str:
        """Whether it is a gain, in two sentences."""
        if self.weight == 0:
            said = "The pictures held out gave the summaries no weight, so nothing changes"
        elif self.gain_low > 0:
            said = "This is a gain"
        elif self.gain_high < 0:
            said = "This is a loss"
        else:
            said = "This may be chance"
        return (
            f"With {self.summaries} SVMs of summaries (weight {self.weight:.2f}) {self.accuracy:.1%} of "
            f"{self.pictures} unseen pictures are right, {self.accuracy_alone:.1%} by the network alone, and "
            f"{self.accuracy_whole:.1%} with SVMs of whole pictures. {said}: {100 * self.gain:+.1f} points "
            f"({100 * self.gain_low:+.1f} to {100 * self.gain_high:+.1f})."
        )


def specialise(
    study: Study,
    found: Sequence[ClassSummaries],
    *,
    most: int = MOST,
    seed: int = 0,
    progress: Progress | None = None,
) -> Specialised:
    """Fit one SVM per sound summary, and measure on ``study.test`` what they add to the network.

    Parameters
    ----------
    study
        Whose network it is; borrowed. Pictures for fitting and for the weight are drawn from ``study.train``.
    found
        Summaries of its classes; a class without sound ones keeps its logit.
    most
        Most pictures that are drawn from each set.
    seed
        Decides which pictures are drawn and held out, and the bootstrap samples.
    progress
        Told each summary of each batch of pictures.

    Raises
    ------
    XaiWidgetsError
        If no summary is sound, or they were found for another network.
    PictureError
        If the pictures for fitting do not show each of the classes and something else.
    LayerError
        If the network has no layer before its logits.
    CancelledError
        If the progress is cancelled.
    """
    progress = progress or Progress()
    wanted = [part for one in found for part in parts_of(study, one)]
    if not wanted:
        raise XaiWidgetsError("no summary is sound, so there is nothing to specialise on; find some more")
    fitted, held = _divided(study, most, seed)
    unseen = study.draw(study.test, most, seed)
    _require_classes(study, fitted, wanted)
    known = _View.of(study, study.train, fitted + held, wanted, progress)
    new = _View.of(study, study.test, unseen, wanted, progress)
    every = np.unique(known.labels[: len(fitted)]).tolist()
    chosen = _fused((known, new), len(fitted), [part.class_index for part in wanted], (known.parts, new.parts), seed)
    whole = _fused((known, new), len(fitted), every, (_repeated(known, every), _repeated(new, every)), seed)
    return _measured(new, chosen, whole, len(wanted), seed)


# --- what the network makes of it ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _View:
    """What the network makes of N pictures.

    Attributes
    ----------
    labels, logits
        ``(N,)`` and ``(N, K)``.
    whole
        Penultimate features of the pictures, ``(N, D)``.
    parts
        The same with only the region of each summary, ``(S, N, D)``.
    """

    labels: npt.NDArray[np.int64]
    logits: Floats
    whole: Floats
    parts: Floats

    @classmethod
    def of(
        cls, study: Study, pictures: PictureSet, places: Sequence[int], wanted: Sequence[Part], progress: Progress
    ) -> _View:
        batches = [places[at : at + study.batch_size] for at in range(0, len(places), study.batch_size)]
        progress.start("features of summaries", len(batches) * len(wanted))
        rows = [_seen(study, *study.load(pictures, batch), wanted, progress) for batch in batches]
        labels, logits, whole, alone = zip(*rows, strict=True)
        return cls(
            torch.cat(labels).numpy(),
            torch.cat(logits).double().numpy(),
            torch.cat(whole).double().numpy(),
            torch.cat(alone, 1).double().numpy(),
        )


def _seen(
    study: Study, pictures: Tensor, labels: Tensor, wanted: Sequence[Part], progress: Progress
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Labels, logits, and features of whole pictures and of each part, of one batch."""
    layer = penultimate(study)
    blurred = REFERENCES["blur"](study, pictures, labels)
    maps = {name: study.activations(pictures, name) for name in {part.layer for part in wanted}}
    alone = []
    for part in wanted:
        region = part.where(maps[part.layer], study.shape[1:])
        alone.append(features(study, torch.where(region, pictures, blurred), layer))
        progress.advance()
    return labels, study.logits(pictures), features(study, pictures, layer), torch.stack(alone)


def penultimate(study: Study) -> str:
    """The last layer that does not give the logits.

    Raises
    ------
    LayerError
        If there is none.
    """
    before = [layer.name for layer in study.layers() if layer.shape != (study.classes,)]
    if not before:
        raise LayerError(f"{study!r} has no layer before its logits, so that there are no features to specialise on")
    return before[-1]


def features(study: Study, pictures: Tensor, layer: str) -> Tensor:
    """What a layer gives, ``(N, D)``; of maps and tokens the mean over their places."""
    code = as_code(study.activations(pictures, layer), study.shape[1:])
    return code.mean((2, 3)) if code.dim() == 4 else code


# --- SVMs, and one score of all --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Fused:
    """Predictions on the unseen pictures ``(N,)``, and the weight they were made with."""

    weight: float
    predicted: npt.NDArray[np.int64]


def _fused(
    views: tuple[_View, _View], fitted: int, targets: list[int], values: tuple[Floats, Floats], seed: int
) -> _Fused:
    """Predictions for the second view, by SVMs and a weight from the first.

    Parameters
    ----------
    views
        The pictures for fitting and then those for the weight; and the unseen ones.
    fitted
        How many are for fitting.
    targets
        The class of each SVM.
    values
        What each SVM is fed, ``(S, N, D)`` of both views.
    seed
        Of the SVMs.
    """
    known = views[0]
    fits = [_svm(rows[:fitted], known.labels[:fitted] == at, seed) for rows, at in zip(values[0], targets, strict=True)]
    said = [[svm.decision_function(rows) for svm, rows in zip(fits, given, strict=True)] for given in values]
    own = [_standard(view.logits, known.logits[:fitted]) for view in views]
    experts = [logits.copy() for logits in own]  # a class without SVMs keeps its logit
    for target in set(targets):
        votes = [_votes(rows, said[0], fitted, [at == target for at in targets]) for rows in said]
        for scores, vote in zip(experts, votes, strict=True):
            scores[:, target] = _standard(vote, votes[0][:fitted])
    weight = _best_weight(own[0][fitted:], experts[0][fitted:], known.labels[fitted:])
    return _Fused(weight, _mixed(own[1], experts[1], weight).argmax(1))


def _votes(said: list[Floats], known: list[Floats], fitted: int, counted: list[bool]) -> Floats:
    """Mean standard score ``(N,)`` of the SVMs that are counted."""
    scores = [_standard(rows, first[:fitted]) for rows, first in zip(said, known, strict=True)]
    mean: Floats = np.mean([rows for rows, own in zip(scores, counted, strict=True) if own], axis=0)
    return mean


def _repeated(view: _View, targets: list[int]) -> Floats:
    """The features of whole pictures, once for each class ``(S, N, D)``."""
    return np.broadcast_to(view.whole, (len(targets), *view.whole.shape))


def _svm(values: Floats, wanted: npt.NDArray[np.bool_], seed: int) -> Any:
    """A linear SVM of standardised features."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  (slow to import)
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    svm = make_pipeline(StandardScaler(), LinearSVC(C=1.0, random_state=seed))
    with warnings.catch_warnings():
        # A plane that has all but settled is good enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return svm.fit(values, wanted)


def _standard(values: Floats, known: Floats) -> Floats:
    """Standard scores, by one mean and deviation of what is known."""
    scores: Floats = (values - known.mean()) / max(float(known.std()), 1e-12)
    return scores


def _mixed(logits: Floats, experts: Floats, weight: float) -> Floats:
    return (1 - weight) * logits + weight * experts


def _best_weight(logits: Floats, experts: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The least weight with the best accuracy."""
    right = [(_mixed(logits, experts, weight).argmax(1) == labels).mean() for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(right))])


def _measured(unseen: _View, chosen: _Fused, whole: _Fused, parts: int, seed: int) -> Specialised:
    right, alone, others = (
        (predicted == unseen.labels).astype(np.float64)
        for predicted in (chosen.predicted, unseen.logits.argmax(1), whole.predicted)
    )
    gain, low, high = interval(right - alone, seed=seed)
    return Specialised(
        float(right.mean()),
        float(alone.mean()),
        float(others.mean()),
        gain,
        low,
        high,
        weight=chosen.weight,
        summaries=parts,
        pictures=len(right),
    )


def _divided(study: Study, most: int, seed: int) -> tuple[list[int], list[int]]:
    """Places in the pictures for fitting: those to fit on, and those held out."""
    drawn = study.draw(study.train, most, seed)
    held = round(HELD_OUT * len(drawn))
    if not 0 < held < len(drawn):
        raise PictureError(f"{len(drawn)} pictures are drawn to fit on, of which none can be held out; draw more")
    return drawn[held:], drawn[:held]


def _require_classes(study: Study, places: Sequence[int], wanted: Sequence[Part]) -> None:
    labels = {int(study.train[place][1]) for place in places}
    missing = sorted({part.class_index for part in wanted} - labels)
    if missing or len(labels) < 2:
        raise PictureError(
            f"the {len(places)} pictures for fitting show classes {sorted(labels)}, and each class with summaries "
            f"and another one are needed{f' (missing: {missing})' if missing else ''}; draw more, or of more classes"
        )
