"""The way of a picture to another class as tiles, each with a caption and a text for those who cannot see it."""

from __future__ import annotations

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.show.images import data_uri
from xai_widgets.widgets.views.elements import Tile


def film_tiles(explanation: Counterfactual) -> tuple[list[str], list[Tile]]:
    """Headings and tiles of the film strip."""
    frames = len(explanation.strip.pictures)
    shares = explanation.strip.shares[1:-1].tolist()
    between = [f"{share:.0%} of\N{NO-BREAK SPACE}the\N{NO-BREAK SPACE}way" for share in shares]
    headings = ["original", *between, "counterfactual"]
    tiles: list[Tile] = []
    for frame in range(frames):
        off = "" if explanation.strip.on_data[frame] else ", far from real pictures"
        chance = float(explanation.strip.probabilities[frame, explanation.target])
        caption = f"{explanation.prediction_label(frame)}{off}"
        alt = f"Frame {frame + 1} of {frames}: {caption}; {explanation.name(explanation.target)} {chance:.0%}"
        tiles.append({"src": data_uri(explanation.strip.pictures[frame]), "alt": alt, "caption": caption})
    return headings, tiles


def saliency_tiles(explanation: Counterfactual) -> list[Tile]:
    """The maps of `Counterfactual.maps`, with a number each."""
    added, expected = explanation.completeness
    area, where = explanation.focus()
    captions = {
        "where it changes": f"60 % on {area:.0%} of the picture, {where}",
        "what moves the classifier": f"sums to {added:.1f} of {expected:.1f} log-odds",
        "several ways": f"agreement {float(explanation.saliency['agreement'].mean()):.0%}",
    }
    return [
        {"src": data_uri(pixels), "alt": f"{name}: {captions[name]}", "caption": captions[name]}
        for name, pixels in explanation.maps().items()
        if name in captions
    ]


SALIENCY = ("where it changes", "what moves the classifier", "several ways")
"""Headings of `saliency_tiles`."""
