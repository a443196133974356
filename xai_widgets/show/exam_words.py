"""The exam of all methods in words: what its rows and measures are called, and what each measure says."""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """A short heading, and a sentence."""

    heading: str
    sentence: str


MEASURES = {
    "deletion_blur": Words(
        "Deletion (blur)",
        "Blur the picture cell by cell, strongest evidence first: area under the probability of the class.",
    ),
    "deletion_mean": Words("Deletion (mean)", "The same with the picture's mean colour in place of the blur."),
    "insertion_blur": Words(
        "Insertion (blur)",
        "Begin with the blurred picture and put the cells back, strongest evidence first: area under the probability.",
    ),
    "insertion_mean": Words("Insertion (mean)", "The same from the picture's mean colour."),
    "parts": Words(
        "Parts",
        "Rank correlation of the evidence on each part, per pixel, with how much the logit falls when the part was "
        "never drawn.",
    ),
    "parts_sum": Words("Parts (sum)", "The same with the sum over each part: large parts collect more of anything."),
    "pointing": Words("Pointing", "Share of the pictures in which the strongest pixel is where the evidence must be."),
    "excess_mass": Words(
        "Mass", "Share of the evidence where it must be, beyond that region's share of the picture: chance is 0."
    ),
    "randomised": Words(
        "Random weights",
        "Rank correlation with the map for the same network with random weights. Near 1, the map ignores the network.",
    ),
    "stability": Words(
        "Instability", "Largest relative change of the map when pixels change by at most 2 % and the class stays."
    ),
}
"""Of the measures."""

PLACE = Words(
    "Place",
    "The most evidence, of all, in one window that no part of the bird explains. A method names the place if this is "
    "more than twice what any of the five methods finds on other pictures of the honest classifier.",
)

COSTS = (
    Words("Time", "For one explanation, in batches, without fits; it differs from run to run."),
    Words("Passes", "Pictures that go through the classifier for one explanation; backward passes are not counted."),
)

ROWS = {
    "cladec": "ClaDec",
    "summaries": "Visual summaries",
    "srae": "SRAE",
    "inversion": "Guided feature inversion",
    "cae": "CAE",
    "gradient": "gradient",
    "integrated_gradients": "integrated gradients",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion",
    "lime": "LIME",
    "guided_backprop": "guided backpropagation",
    "attention_rollout": "attention rollout (not captum's)",
    "random": "noise",
    "centre": "centre of the picture",
    "brightest": "brightest pixels",
    "all_parts": "all parts (the truth)",
}
"""Of the rows."""

KINDS = {
    "method": "the five methods",
    "other": "other methods, from captum",
    "trivial": "rows that know nothing, or the truth",
}
"""Of the kinds of rows."""
