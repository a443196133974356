"""What InversionExplorer shows and says: pictures with texts made from their numbers, and sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.scene import Scene
from xai_widgets.methods.inversion.variations import ENOUGH
from xai_widgets.methods.masking.views import dimmed
from xai_widgets.pool import Pool
from xai_widgets.show.images import sequential
from xai_widgets.widgets.srae.tiles import where
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Row, Tile

COLUMNS = ["picture", "kept", "removed", "mask", "mask as heat", "background alone"]

CHANNELS, PARTS = 4, 4
"""So many channels and parts are named at most."""

DOUBTFUL = 0.05
"""A class of less probability is hardly in the picture."""


def picture_cards(pool: Pool, source: Callable[[int], str], numbers: Sequence[int] | None = None) -> list[Card]:
    """Pictures of a pool, all or those of some numbers; `source` draws them."""
    cards: list[Card] = []
    for number in range(len(pool)) if numbers is None else numbers:
        name, picture = pool.name(number), f"picture {pool.indices[number]}"
        tile: Tile = {"src": source(number), "alt": f"{picture}, {name}" if name else picture, "caption": ""}
        cards.append({"tiles": [tile], "lines": [name or picture]})
    return cards


def waiting_row(picture: Tensor) -> Row:
    """A row of the final size, for as long as there is nothing but the picture."""
    blank: Tile = {"src": "", "alt": "not there yet", "caption": ""}
    first: Tile = {"src": exactly(picture), "alt": "the chosen picture", "caption": ""}
    return {"label": "", "tiles": [first, *[blank] * (len(COLUMNS) - 1)]}


def glimpses(picture: Tensor, masks: Tensor) -> list[Row]:
    """Rows of the final size with what is found so far: masks ``(T, H, W)``, and the picture through each."""
    found = []
    for mask in masks.cpu():
        row, area = waiting_row(picture), f"so far {float(mask.mean()):.1%}"
        through = dimmed(picture, mask)
        for place, one, alt in ((3, through, "the picture through the mask"), (4, _heat(mask), "the mask")):
            row["tiles"][place] = {"src": exactly(one), "alt": f"{alt}, {area} of the picture", "caption": area}
        found.append(row)
    return found


def rows(scene: Scene, stop: int, draw: Draw = exactly) -> list[Row]:
    """A row for each class."""
    return [{"label": scene.name(row), "tiles": _tiles(scene, stop, row, draw)} for row in range(len(scene.classes))]


def _tiles(scene: Scene, stop: int, row: int, draw: Draw) -> list[Tile]:
    shown, name, of = scene.at(stop), scene.name(row), scene.classes[row]
    mask = shown.masks[row]
    area = f"{float(mask.mean()):.1%} of the picture"
    picture, background = (_answer(one, shown.class_names, of) for one in scene.ends[row])
    kept, removed = (_answer(one, shown.class_names, of) for one in scene.blends[stop, row])
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


def _answer(chances: Tensor, names: Sequence[str], wanted: int) -> str:
    """The class, and the one that is likelier, if there is one."""
    first, line = int(chances.argmax()), f"{names[wanted]} {float(chances[wanted]):.0%}"
    return line if first == wanted else f"{line}; {names[first]} {float(chances[first]):.0%}"


def sentence(scene: Scene) -> str:
    """What was found, in a sentence."""
    each = []
    for row, area in enumerate(scene.explanation.area.tolist()):
        name, kept, removed = scene.name(row), float(scene.explanation.kept[row]), float(scene.explanation.removed[row])
        each.append(
            f"for {name} {area:.0%} of it; from that alone it says {name} {kept:.0%}, without that {removed:.0%}"
        )
    return f"What the classifier needs of picture {scene.index}: {'. And '.join(each)}."


def verdict(scene: Scene) -> str:
    """The numbers that say whether to believe it, of each class."""
    each = [scene.explanation[row] for row in range(len(scene.classes))]
    named = [f"{scene.name(row)}: " if len(each) > 1 else "" for row in range(len(each))]
    return " ".join(name + _doubt(one) + one.verdict() for name, one in zip(named, each, strict=True))


def _doubt(found: InversionExplanation) -> str:
    before = float(found.before[0])
    if before >= DOUBTFUL:
        return ""
    return f"The whole picture has this class with {before:.0%} only, and some place always speaks for it most. "


def stop_line(scene: Scene, stop: int) -> str:
    """What is on display, and what of each class is left."""
    at, last = scene.stops[stop], scene.stops[-1].step
    what = f"Step {at.step} of {last}" if at.share == 100 else f"The strongest {at.share}% of the mask alone"
    each = []
    for row, area in enumerate(scene.masks[stop].mean((1, 2)).tolist()):
        kept, removed = scene.probabilities(stop, row)
        each.append(f"{scene.name(row)}: {area:.1%} of the picture, kept {kept:.0%}, removed {removed:.0%}")
    return f"{what}. {'; '.join(each)}."


def words(scene: Scene) -> list[str]:
    """Where the masks lie, if that is known, how little of them is enough, and of which channels they are made."""
    said = []
    for row in range(len(scene.classes)):
        if scene.parts:
            most = sorted(scene.parts[row].items(), key=lambda pair: -pair[1])[:PARTS]
            (first, share), *rest = most
            others = "".join(f", {of_it:.0%} on the {name}" for name, of_it in rest if of_it >= 0.005)
            said.append(f"{scene.name(row)}: {share:.0%} of the mask's mass lies on the {first}{others}.")
        said.append(f"{scene.name(row)}: {_enough(scene, row)}.")
        channels = (f"{layer} {n} ({share:.0%})" for layer, n, share in scene.explanation.top_channels(row, CHANNELS))
        said.append(f"{scene.name(row)}: strongest channels are {', '.join(channels)}.")
    return said


def _enough(scene: Scene, row: int) -> str:
    """How little of a mask keeps the class."""
    before = float(scene.explanation.before[row])
    whole = [stop for stop, at in enumerate(scene.stops) if at.step == scene.stops[-1].step]
    keeps = [stop for stop in whole if scene.probabilities(stop, row)[0] >= ENOUGH * before]
    if not keeps:
        return f"no part of the mask keeps {ENOUGH:.0%} of the class's probability"
    share, area = scene.stops[keeps[-1]].share, float(scene.masks[keeps[-1], row].mean())
    return (
        f"the strongest {share}% of the mask ({area:.1%} of the picture) keep {ENOUGH:.0%} of the class's probability"
    )
