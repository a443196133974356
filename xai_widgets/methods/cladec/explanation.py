"""The result of ClaDec: the pictures, and the numbers that say whether to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from xai_widgets.methods.cladec import information
from xai_widgets.names import listed

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

SPOKEN = {"original": "original", "cladec": "ClaDec", "reference": "auto-encoder"}
"""How the versions of a picture are called in front of people."""


@dataclass(frozen=True)
class LayerReport:
    """Measures of one layer on unseen pictures.

    Attributes
    ----------
    pictures
        How many unseen pictures the measures rest on.
    error
        Mean squared error of "cladec", "reference", "ridge" (a linear decoder in closed form) and "mean" (the mean
        picture).
    kept
        R squared by aspect (see `information.ASPECTS`) for "cladec" and "reference".
    agreement
        Share of pictures whose reconstruction the classifier calls what it calls the original. Weak evidence: blurred
        pictures are foreign to the classifier, and trained decoders can please it invisibly.
    divergence
        Mean KL divergence, in nats, of the predictions on reconstructions from those on the originals.
    cycle_error
        Length of the difference between the reconstruction's code and the original's, over the latter's length.
    reference
        "scratch", "warm" or "none".
    problems
        Why the comparison is void; empty if it is not.
    epochs, seconds
        What the fit took; epochs by "cladec" and "reference".
    blurred
        Of large pictures: what originals keep that were shrunk until they are as wrong as the reconstructions; their
        "side" in pixels, "colour" kept, and "agreement".
    """

    pictures: int
    error: Mapping[str, float]
    kept: Mapping[str, Mapping[str, float]]
    agreement: float
    divergence: float
    cycle_error: float
    reference: str
    problems: tuple[str, ...]
    epochs: Mapping[str, int]
    seconds: float
    blurred: Mapping[str, float] = field(default_factory=dict)

    def shares(self) -> dict[str, float]:
        """For each aspect, how much of what the auto-encoder keeps the layer keeps, in [0, 1]."""
        ours = self.kept["cladec"]
        theirs = self.kept.get("reference", dict.fromkeys(ours, 1.0))
        return {name: min(max(ours[name], 0.0) / max(theirs[name], 0.05), 1.0) for name in ours}

    def compared(self) -> str:
        """Beside equally wrong blurred originals, of large pictures; empty for others."""
        if not self.blurred:
            return ""
        side, ours = f"{self.blurred['side']:.0f}", max(self.kept["cladec"].get("colour", 0.0), 0.0)
        return (
            f" Originals shrunk to {side} x {side} pixels are as wrong: they keep {self.blurred['colour']:.0%} of the "
            f"colour (ClaDec {ours:.0%}), and the predicted class in {self.blurred['agreement']:.0%} of cases."
        )

    def sentence(self) -> str:
        """What the layer keeps and what it has lost, in plain words; of large pictures only where the checks hold."""
        if self.blurred and self.problems:
            return f"These reconstructions do not tell what this layer keeps. {self.problems[0]}"
        shares = sorted(self.shares().items(), key=lambda entry: -entry[1])
        keeps = [f"{name} ({share:.0%})" for name, share in shares if share >= 0.5]
        drops = [f"{name} ({share:.0%})" for name, share in shares if share < 0.5]
        said = [f"keeps {listed(keeps)}"] if keeps else []
        said += [f"loses most of {listed(drops)}"] if drops else []
        return (
            f"This layer {' and '.join(said)}."
            if said
            else "Too few held-out pictures to measure what this layer keeps."
        )


@dataclass(frozen=True)
class ClaDecExplanation:
    """Pictures beside what one layer of the classifier, and an auto-encoder, still know of them.

    Attributes
    ----------
    original, cladec
        ``(N, C, H, W)`` in [0, 1]: the pictures, and the layer's activation decoded.
    reference
        The auto-encoder's pictures, or None if it was fitted without one.
    mean_picture
        ``(C, H, W)``: what a decoder that knows nothing would give.
    deviation
        ``(N, H, W)``: standard deviation of a pixel given the code; high where the code does not determine it.
    predictions
        The classifier's probabilities ``(N, K)`` on "original", "cladec" and "reference".
    layer, alpha, units
        What was decoded: the layer, the trade-off between familiar (0) and faithful (1), and the units shown (None:
        all).
    report
        The layer's measures on unseen pictures.
    problems
        Why the comparison is void, the checks between layers included; empty if it is not.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, settings, versions, seconds.
    """

    original: Tensor
    cladec: Tensor
    reference: Tensor | None
    mean_picture: Tensor
    deviation: Tensor
    predictions: Mapping[str, Tensor]
    layer: str
    alpha: float
    units: tuple[int, ...] | None
    report: LayerReport
    problems: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"ClaDecExplanation({len(self.original)} pictures, layer {self.layer!r}, alpha {self.alpha:g})"

    @property
    def difference(self) -> Tensor:
        """What the layer lacks (or adds) against the reference, in [-1, 1]; against the original without one."""
        return self.cladec - (self.original if self.reference is None else self.reference)

    @property
    def bits_kept(self) -> Tensor:
        """Information the layer keeps, bits per pixel ``(N, H, W)``; 0 is what the mean picture knows."""
        return self._bits(self.cladec)

    @property
    def bits_lost(self) -> Tensor:
        """Information lost by the classifier and not by decoding, bits per pixel ``(N, H, W)``."""
        return self._bits(self.original if self.reference is None else self.reference) - self.bits_kept

    def _bits(self, rebuilt: Tensor) -> Tensor:
        baseline = information.smoothed_error(self.original, self.mean_picture.expand_as(self.original))
        return information.bits(information.smoothed_error(self.original, rebuilt), baseline)

    def said(self, version: str, row: int) -> str:
        """The predicted class of one version ("original", "cladec", "reference") of one picture."""
        chance, winner = self.predictions[version][row].max(0)
        return f"{self.class_names[int(winner)]} {float(chance):.0%}"

    def verdict(self) -> str:
        """Whether to trust the pictures, with the numbers behind it."""
        error = self.report.error
        parts = [f"Mean squared error on {self.report.pictures} held-out pictures: ClaDec {error['cladec']:.2g}"]
        if "reference" in error:
            parts.append(f"auto-encoder {error['reference']:.2g} ({self.report.reference})")
        parts += [f"linear decoder {error['ridge']:.2g}", f"mean picture {error['mean']:.2g}"]
        line = f"{', '.join(parts)}. Reconstructions keep the predicted class in {self.report.agreement:.0%} of cases."
        line += self.report.compared()
        if self.units is not None or self.alpha != self.origin["alpha"]:
            line += " Measured at the default settings, not at yours."
        return f"VOID: {' '.join(self.problems)} {line}" if self.problems else f"Checks hold. {line}"

    def versions(self) -> dict[str, Tensor]:
        """The pictures that the classifier sees: "original", "cladec" and, if there is one, "reference"."""
        found = {"original": self.original, "cladec": self.cladec}
        return found if self.reference is None else found | {"reference": self.reference}

    def figure(self) -> NotebookFigure:
        """All versions, the difference, bits lost and deviation as a matplotlib figure, one row per picture."""
        from xai_widgets.show import figures, images  # noqa: PLC0415  (matplotlib only when it is wanted)

        columns: dict[str, list[Any]] = {SPOKEN[name]: list(of_all) for name, of_all in self.versions().items()}
        captions = {
            SPOKEN[name]: [self.said(name, row) for row in range(len(self.original))] for name in self.versions()
        }
        columns["difference"] = [images.diverging(one.mean(0), images.DIFFERENCE_LIMIT) for one in self.difference]
        columns["bits lost"] = [images.diverging(one, images.BITS_LIMIT) for one in self.bits_lost]
        columns["uncertainty"] = [images.sequential(one, 0.0, images.DEVIATION_LIMIT) for one in self.deviation]
        return figures.picture_rows(columns, captions, f"Layer {self.layer}, alpha {self.alpha:g}. {self.verdict()}")

    def gallery(self) -> Gallery:
        """All versions of each picture as a static gallery that survives in a saved notebook."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        shown = [(row, name) for row in range(len(self.original)) for name in self.versions()]
        pictures = [self.versions()[name][row] for row, name in shown]
        captions = [self.said(name, row) for row, name in shown]
        return gallery(pictures, [SPOKEN[name] for _, name in shown], captions, most=len(shown))
