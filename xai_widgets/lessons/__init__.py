"""The measurements of the lessons, so that a cell names what it measures; the charts take what these return."""

from xai_widgets.lessons.birds import (
    BLUISH,
    RED,
    SANDY,
    other_rings,
    places,
    ring,
    two_birds,
    with_rings,
    with_sky,
)
from xai_widgets.lessons.evidence import (
    CLEAR,
    as_species,
    clearness,
    counterfactuals,
    decibels_gained,
    fall_without,
    on_regions,
    share_of_change,
)
from xai_widgets.lessons.layers import arriving, dial, errors, kept, lost_beyond
from xai_widgets.lessons.networks import recognised_by_all, trained
from xai_widgets.lessons.parts import (
    best_detection,
    best_detectors,
    detectors,
    evidence_and_worth,
    first_parts,
    share_first,
    strengths,
    with_and_without,
)
from xai_widgets.lessons.photos import animal, horse, likeliest, mosaic
from xai_widgets.lessons.predictions import changed, confusion, probabilities, share
from xai_widgets.lessons.shapes import drawings, fill_folder, shape_or_colour, sums, train_network
from xai_widgets.scores.srae_exam import best_of_noise, draw_birds
from xai_widgets.show.charts import bars, curves
from xai_widgets.show.figures import picture_rows
from xai_widgets.show.gallery import gallery

__all__ = [
    "BLUISH", "CLEAR", "RED", "SANDY", "animal", "arriving", "as_species", "bars", "best_detection",
    "best_detectors", "best_of_noise", "changed", "clearness", "confusion", "counterfactuals", "curves",
    "decibels_gained", "detectors", "dial", "draw_birds", "drawings", "errors", "evidence_and_worth",
    "fall_without", "fill_folder", "first_parts", "gallery", "horse", "kept", "likeliest", "lost_beyond",
    "mosaic", "on_regions", "other_rings", "picture_rows", "places", "probabilities", "recognised_by_all",
    "ring", "shape_or_colour", "share", "share_first", "share_of_change", "strengths", "sums",
    "train_network", "trained", "two_birds", "with_and_without", "with_rings", "with_sky",
]  # fmt: skip
