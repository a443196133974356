"""Classifiers specialised on summaries: how much a network gains from SVMs on the parts that it relies on.

For each sound summary a linear SVM (C = 1) separates its class from the rest by the network's penultimate features of
pictures with everything outside the summary's region blurred. With ``z`` for standard scores over the pictures that
the SVMs are fitted on, and the mean over the class's SVMs, the score of a class is ::

    (1 - w) z(logit) + w z(mean z(SVM))

All logits share one mean and deviation, so that ``w = 0`` is the network itself. ``w`` is the smallest of those with
the best accuracy on pictures that are held out of the fit.

A new picture has neither label nor mask: `summaries.located` finds the summary in it. All pictures are treated in
this way, also those that the summary was found in.

Pictures that the network was trained on are too easy for it: it then seems to need no help, and `w` becomes small.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_widgets import limits
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.limits import Whole
from xai_widgets.methods.summaries.causal import interval
from xai_widgets.methods.summaries.features import Features, Floats
from xai_widgets.methods.summaries.located import Part, parts_of
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.pictures import item
from xai_widgets.progress import Progress
from xai_widgets.relabelling import labelled
from xai_widgets.study import Study

MOST = 1000
"""Most pictures that are drawn for fitting, and most that the result is measured on."""

WEIGHTS = np.linspace(0, 1, 21)
"""Weights that are tried."""


@dataclass(frozen=True)
class Specialised:
    """How much SVMs of summaries add to a network.

    Attributes
    ----------
    accuracy, accuracy_alone
        On unseen pictures, with the SVMs and of the network alone.
    accuracy_whole
        The same with one SVM per class on whole pictures: what SVMs add without any summary.
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
        """Whether there is a gain, in two sentences."""
        if self.weight == 0:
            outcome = "The summaries got no weight on the held-out pictures, so nothing changes"
        elif self.gain_low > 0:
            outcome = "This is a gain"
        elif self.gain_high < 0:
            outcome = "This is a loss"
        else:
            outcome = "This may be chance"
        return (
            f"Accuracy on {self.pictures} held-out pictures: {self.accuracy:.1%} with {self.summaries} SVMs on "
            f"summaries (weight {self.weight:.2f}), {self.accuracy_alone:.1%} for the network alone, "
            f"{self.accuracy_whole:.1%} with SVMs on whole pictures. {outcome}: {100 * self.gain:+.1f} points "
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

    At most `most` pictures are drawn from each set; those to fit on and for the weight are from ``study.train``. A
    class without sound summaries keeps its logit. Raises an `XaiWidgetsError` if no summary is sound or they are of
    another network, a `PictureError` if the pictures do not show each of the classes and something else, and a
    `LayerError` if no layer is before the logits.
    """
    progress, most, seed = progress or Progress(), limits.COUNT("most", most), Whole(0, 2**32 - 1)("seed", seed)
    parts = [part for one in found for part in parts_of(study, one)]
    if not parts:
        raise XaiWidgetsError("no summary is sound, so there is nothing to specialise on; use more pictures")
    fitted, held = _divided(study, most, seed)
    unseen = labelled(study.test, study.draw(study.test, most, seed))
    _require_classes(study, fitted, parts)
    known = Features.read(study, study.train, fitted + held, parts, progress)
    new = Features.read(study, study.test, unseen, parts, progress)
    every = np.unique(known.labels[: len(fitted)]).tolist()
    fuse = Fusion(known, new, len(fitted), seed)
    chosen = fuse([part.class_index for part in parts], known.parts, new.parts)
    whole = fuse(every, *(np.broadcast_to(each.whole, (len(every), *each.whole.shape)) for each in (known, new)))
    return _measured(new, chosen, whole, len(parts), seed)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions on the unseen pictures ``(N,)``, and the weight they were made with."""

    weight: float
    predicted: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fusion:
    """Predicts classes by the network and by SVMs together."""

    known: Features  # the pictures for fitting, and then those for the weight
    new: Features  # the unseen pictures
    fitted: int  # how many are for fitting
    seed: int  # of the SVMs

    def __call__(self, targets: Sequence[int], known: Floats, new: Floats) -> Predictions:
        """Predictions for the unseen pictures by SVMs of some classes, from their inputs ``(S, N, D)``."""
        labels = self.known.labels
        pairs = [self._scores(target, *rows) for target, *rows in zip(targets, known, new, strict=True)]
        logits = [self._standard(each.logits, self.known.logits) for each in (self.known, self.new)]
        experts = [each.copy() for each in logits]  # a class without SVMs keeps its logit
        for target in set(targets):
            own = [pair for pair, of in zip(pairs, targets, strict=True) if of == target]
            votes = [np.mean(rows, axis=0) for rows in zip(*own, strict=True)]
            for scores, vote in zip(experts, votes, strict=True):
                scores[:, target] = self._standard(vote, votes[0])
        weight = best_weight(logits[0][self.fitted :], experts[0][self.fitted :], labels[self.fitted :])
        return Predictions(weight, mixed(logits[1], experts[1], weight).argmax(1))

    def _scores(self, target: int, known: Floats, new: Floats) -> list[Floats]:
        """Standard scores of one SVM for the known and the unseen pictures."""
        svm = _svm(known[: self.fitted], self.known.labels[: self.fitted] == target, self.seed)
        first, second = (svm.decision_function(rows) for rows in (known, new))
        return [self._standard(rows, first) for rows in (first, second)]

    def _standard(self, values: Floats, known: Floats) -> Floats:
        """Standard scores, by the mean and the deviation over the pictures for fitting."""
        fitted = known[: self.fitted]
        scores: Floats = (values - fitted.mean()) / max(float(fitted.std()), 1e-12)
        return scores


def _svm(values: Floats, inside: npt.NDArray[np.bool_], seed: int) -> Any:
    """A linear SVM of standardised features."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415  (slow to import)
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    svm = make_pipeline(StandardScaler(), LinearSVC(C=1.0, random_state=seed))
    with warnings.catch_warnings():
        # A plane that has almost converged is good enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return svm.fit(values, inside)


def mixed(logits: Floats, experts: Floats, weight: float) -> Floats:
    """Scores of the classes, ``(N, K)``."""
    return (1 - weight) * logits + weight * experts


def best_weight(logits: Floats, experts: Floats, labels: npt.NDArray[np.int64]) -> float:
    """The smallest weight with the best accuracy."""
    right = [(mixed(logits, experts, weight).argmax(1) == labels).mean() for weight in WEIGHTS]
    return float(WEIGHTS[int(np.argmax(right))])


def _measured(unseen: Features, chosen: Predictions, whole: Predictions, parts: int, seed: int) -> Specialised:
    right, alone, others = (
        (predicted == unseen.labels).astype(np.float64)
        for predicted in (chosen.predicted, unseen.logits.argmax(1), whole.predicted)
    )
    accuracy, accuracy_alone, accuracy_whole = (float(each.mean()) for each in (right, alone, others))
    gain = interval(right - alone, seed=seed)
    return Specialised(accuracy, accuracy_alone, accuracy_whole, *gain, chosen.weight, parts, len(right))


def _divided(study: Study, most: int, seed: int) -> tuple[list[int], list[int]]:
    """Indices of the pictures for fitting: those to fit on, and a quarter that is held out."""
    drawn = labelled(study.train, study.draw(study.train, most, seed))
    held = round(0.25 * len(drawn))
    if not 0 < held < len(drawn):
        raise PictureError(f"{len(drawn)} pictures are too few to hold any out; draw more")
    return drawn[held:], drawn[:held]


def _require_classes(study: Study, indices: Sequence[int], parts: Sequence[Part]) -> None:
    labels = {item(study.train, index)[1] for index in indices}
    missing = sorted({part.class_index for part in parts} - labels)
    if missing or len(labels) < 2:
        raise PictureError(
            f"the {len(indices)} pictures for fitting show classes {sorted(labels)}, and each class with summaries "
            f"and another one are needed{f' (missing: {missing})' if missing else ''}; draw more, or of more classes"
        )
