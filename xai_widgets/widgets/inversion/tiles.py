"""The pictures and texts of InversionExplorer, made from the numbers of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.scene import Scene
from xai_widgets.methods.inversion.variations import ENOUGH
from xai_widgets.methods.masking.views import dimmed, drawn_around
from xai_widgets.scores.hiding import Marks
from xai_widgets.scores.maps import MAPS
from xai_widgets.show.images import sequential
from xai_widgets.show.words import where
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Row, Tile
from xai_widgets.widgets.views.stage import Frame, Large
from xai_widgets.widgets.views.verdict import Verdict, worst

COLUMNS = ["picture", "kept", "removed", "mask", "mask as heat", "background alone"]

CHANNELS, PARTS = 4, 4
"""At most so many channels and parts are named."""

MASKED = "what the mask shows"

LOST = 0.5
"""A class with less than this share of its probability is lost."""

DOUBTFUL = 0.05
"""A class with a lower probability is not in the picture."""

WIDE = 0.6
"""A mask that covers more of the picture hardly tells a place."""


def failed(scene: Scene, row: int) -> bool:
    """Whether there is no evidence for a class: its mask does not keep it, or the picture does not show it."""
    before, kept = (float(one[row]) for one in (scene.explanation.before, scene.explanation.kept))
    return before < DOUBTFUL or kept < LOST * before


def large(scene: Scene, stop: int) -> Frame:
    """What `large_of` gives for each class; of two classes without what the mask removes."""
    each = [large_of(scene, stop, row) for row in range(len(scene.classes))]
    most = 3 if len(each) == 1 else 2
    return {"name": "", "tiles": [tile for tiles in each for tile in tiles[:most]]}


def large_of(scene: Scene, stop: int, row: int, draw: Draw = exactly) -> list[Large]:
    """The original with the mask's outline, and what the mask keeps and removes, large, for one class."""
    shown, name, of = scene.at(stop), scene.name(row), scene.classes[row]
    plain, lost = draw(shown.pictures[row]), failed(scene, row)
    area = f"{float(shown.masks[row].mean()):.0%} of the picture, {where(shown.masks[row])}"
    outlined = drawn_around(shown.pictures[row], shown.masks[row] > 0.5)
    original = _caption(scene.ends[row, 0], shown.class_names, of)
    alone, gone = (_caption(one, shown.class_names, of) for one in scene.blends.of(stop)[row])
    first = f"No evidence for {name} found" if lost else f"Evidence for {name}"
    drawn = [
        (first, outlined, f"Original: {original}", f"original: {original}; the mask: {area}"),
        ("Kept alone", shown.kept_picture(row), f"Kept: {alone}", f"only {area} kept: {alone}"),
        ("Removed", shown.removed_picture(row), f"Removed: {gone}", f"without {area}: {gone}"),
    ]
    return [
        {"heading": heading, "src": draw(one), "alt": alt, "caption": caption, "blink": plain, "dull": lost}
        for heading, one, caption, alt in drawn
    ]


def waiting(picture: Tensor, mask: Tensor | None = None, draw: Draw = exactly) -> Frame:
    """The same while the search is running, with its latest mask ``(H, W)``."""
    through: Large = {"heading": "Kept alone", "src": "", "alt": "not there yet", "caption": "searching"}
    if mask is not None:
        through |= {"src": draw(dimmed(picture, mask)), "alt": "the picture through the mask so far"}
    original: Large = {"heading": "Original", "src": draw(picture), "alt": "the chosen picture", "caption": ""}
    removed: Large = {"heading": "Removed", "src": "", "alt": "not there yet", "caption": ""}
    return {"name": "", "tiles": [original, through, removed]}


def judged(scene: Scene) -> Verdict:
    """Whether to trust the masks: the worst of the classes."""
    return worst([judged_of(scene, row) for row in range(len(scene.classes))])


def judged_of(scene: Scene, row: int) -> Verdict:
    """Whether to trust the mask of one class."""
    found, name = scene.explanation[row], scene.name(row)
    before, kept, removed = (float(one[0]) for one in (found.before, found.kept, found.removed))
    if before < DOUBTFUL:
        return Verdict("distrust", f"The classifier sees no {name} here: ignore this mask.")
    if failed(scene, row):
        return Verdict(
            "distrust", f"Kept alone, {name} falls from {before:.0%} to {kept:.0%}: this is not its evidence."
        )
    if found.problems:
        return Verdict("distrust", found.problems[0])
    area = float(found.area[0])
    if area > WIDE:
        return Verdict("careful", f"The mask covers {area:.0%} of the picture: it hardly says where the evidence is.")
    holds = f"Kept alone, {name} has {kept:.0%}; removed, {removed:.0%}."
    return Verdict("trust" if removed < LOST * before else "careful", holds)


def marks(found: InversionExplanation) -> Marks:
    """The masks."""
    return Marks(found.pictures, found.class_index, MAPS["inversion"](found), MASKED)


def waiting_row(picture: Tensor, draw: Draw = exactly) -> Row:
    """A row of the final size with nothing but the picture."""
    blank: Tile = {"src": "", "alt": "not there yet", "caption": ""}
    first: Tile = {"src": draw(picture), "alt": "the chosen picture", "caption": ""}
    return {"label": "", "tiles": [first, *[blank] * (len(COLUMNS) - 1)]}


def glimpses(picture: Tensor, masks: Tensor, draw: Draw = exactly) -> list[Row]:
    """Rows of the final size with masks ``(T, H, W)`` of the search, and the picture dimmed outside of each."""
    found = []
    for mask in masks.cpu():
        row, area = waiting_row(picture, draw), f"so far {float(mask.mean()):.1%}"
        through, heat = draw(dimmed(picture, mask)), exactly(_heat(mask))
        for place, src, alt in ((3, through, "the picture through the mask"), (4, heat, "the mask")):
            row["tiles"][place] = {"src": src, "alt": f"{alt}, {area} of the picture", "caption": area}
        found.append(row)
    return found


def rows(scene: Scene, stop: int, draw: Draw = exactly) -> list[Row]:
    """A row for each class."""
    return [{"label": scene.name(row), "tiles": _tiles(scene, stop, row, draw)} for row in range(len(scene.classes))]


def _tiles(scene: Scene, stop: int, row: int, draw: Draw) -> list[Tile]:
    shown, name, of = scene.at(stop), scene.name(row), scene.classes[row]
    mask = shown.masks[row]
    area = f"{float(mask.mean()):.1%} of the picture"
    picture, background = (_caption(one, shown.class_names, of) for one in scene.ends[row])
    kept, removed = (_caption(one, shown.class_names, of) for one in scene.blends.of(stop)[row])
    behind = shown.background_names[row]
    drawn = [
        (shown.pictures[row], picture, f"picture: {picture}"),
        (shown.kept_picture(row), kept, f"only the mask kept: {kept}"),
        (shown.removed_picture(row), removed, f"without the mask: {removed}"),
        (shown.outline(row), area, f"outline of the mask for {name}: {area}, {where(mask)}"),
        (_heat(mask), "dark 0, yellow 1", f"the mask for {name} as heat: {area}, {where(mask)}"),
        (shown.backgrounds[row], f"{behind}: {background}", f"background ({behind}): {background}"),
    ]
    return [{"src": draw(one), "alt": alt, "caption": caption} for one, caption, alt in drawn]


def _heat(mask: Tensor) -> Tensor:
    return torch.from_numpy(sequential(mask, 0, 1)).permute(2, 0, 1)


def _caption(probabilities: Tensor, names: Sequence[str], class_index: int) -> str:
    """The probability of a class, and of the most probable class, if that is another one."""
    first, line = int(probabilities.argmax()), f"{names[class_index]} {float(probabilities[class_index]):.0%}"
    return line if first == class_index else f"{line}; {names[first]} {float(probabilities[first]):.0%}"


def sentence(scene: Scene) -> str:
    """What was found, in a sentence for each class."""
    found = scene.explanation
    each = [
        f"This {float(found.area[row]):.0%} alone gives {float(found.kept[row]):.0%} {scene.name(row)}; without it, "
        f"{float(found.removed[row]):.0%}."
        for row in range(len(scene.classes))
    ]
    return " ".join([f"Picture {scene.index}.", *each])


def numbers(scene: Scene) -> str:
    """The numbers that tell whether to trust the mask of each class."""
    lines = [scene.explanation[row].verdict() for row in range(len(scene.classes))]
    if len(lines) == 1:
        return lines[0]
    return " ".join(f"{scene.name(row)}: {line}" for row, line in enumerate(lines))


def stop_line(scene: Scene, stop: int) -> str:
    """Which mask is on display, and what it keeps and removes of each class."""
    at, last = scene.stops[stop], scene.stops[-1].step
    what = f"Step {at.step} of {last}" if at.share == 100 else f"The strongest {at.share}% of the mask alone"
    each = []
    for row, area in enumerate(scene.masks[stop].mean((1, 2)).tolist()):
        kept, removed = scene.probabilities(stop, row)
        each.append(f"{scene.name(row)}: {area:.1%} of the picture, kept {kept:.0%}, removed {removed:.0%}")
    return f"{what}. {'; '.join(each)}."


def words(scene: Scene) -> list[str]:
    """For each class the parts under its mask, if they are known, the smallest sufficient part, and the channels."""
    lines = []
    for row in range(len(scene.classes)):
        parts = [_parts(scene.parts[row])] if scene.parts else []
        channels = (f"{layer} {n} ({share:.0%})" for layer, n, share in scene.explanation.top_channels(row, CHANNELS))
        texts = [*parts, _enough(scene, row), f"the strongest channels are {', '.join(channels)}"]
        lines += [f"{scene.name(row)}: {text}." for text in texts]
    return lines


def _parts(shares: Mapping[str, float]) -> str:
    (first, most), *rest = sorted(shares.items(), key=lambda pair: -pair[1])[:PARTS]
    others = "".join(f", {share:.0%} on the {name}" for name, share in rest if share >= 0.005)
    return f"{most:.0%} of the mask's mass lies on the {first}{others}"


def _enough(scene: Scene, row: int) -> str:
    stop = scene.smallest(row)
    if stop is None:
        return f"no part of the mask keeps {ENOUGH:.0%} of its probability"
    share, area = scene.stops[stop].share, float(scene.masks[stop, row].mean())
    return (
        f"the strongest {share}% of the mask ({area:.1%} of the picture) keep {ENOUGH:.0%} of the class's probability"
    )
