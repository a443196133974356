"""The field guide: drawn birds of which everything is known.

What a bird is (species: five slots of three variants) and what it merely happens to be (individual: pose,
background, clutter) are apart, so that part masks, deciding parts and true counterfactuals are exact. A scene
comes first and its pixels second; both are the same on every platform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from PIL import Image, ImageDraw

from xai_widgets.data._drawing import PARTS, SLOTS
from xai_widgets.data._painting import Camera, Painting, paint_bird, paint_branch, paint_clutter, paint_cue
from xai_widgets.data._raster import Bytes
from xai_widgets.data.bird import (
    SLOT_PARTS,
    SPECIES,
    VARIANTS,
    Bird,
    Species,
    Traits,
    differing_slots,
    minimal_sufficient_slots,
    possible_species,
)
from xai_widgets.errors import PictureError
from xai_widgets.limits import Real, Several, Whole

__all__ = [
    "PARTS", "SLOTS", "SLOT_PARTS", "SPECIES", "VARIANTS", "Bird", "Species", "Traits", "contact_sheet",
    "differing_slots", "minimal_sufficient_slots", "pair", "possible_species", "render",
]  # fmt: skip

SMALLEST = 16  # pixels of a side; below that the parts are lost
_SIDES = Several(Whole(SMALLEST, 4096, error=PictureError), (2,), error=PictureError)


def render(
    bird: Bird,
    size: int | tuple[int, int] = 64,
    *,
    drop: Collection[str] = (),
    swap: Mapping[str, int] | None = None,
    cue: int | None = None,
    noise: float = 0.0,
) -> tuple[Bytes, Bytes]:
    """Draw a bird.

    Parameters
    ----------
    bird
        The scene.
    size
        Pixels of a side, or ``(height, width)``; 16 or more. The bird keeps its proportions.
    drop
        Slots to leave out.
    swap
        Variant, 0 to 2, of slots to draw in another than the bird's own.
    cue
        Number of the species whose cue, which has nothing to do with the bird, is drawn in the lower left corner.
    noise
        Standard deviation, in grey levels of 0 to 255, of noise added to every value.

    Returns
    -------
    tuple of numpy.ndarray
        Colours uint8 ``(H, W, 3)``, and the part of every pixel uint8 ``(H, W)``, as numbered in `PARTS`.

    Raises
    ------
    PictureError
        If a size, slot, variant, cue or noise is not one of these.
    """
    height, width = checked_size(size)
    _check(drop, swap or {}, cue, noise)
    painting = Painting(height, width, bird.traits)
    camera = Camera(height, width, bird.traits)
    paint_clutter(painting, camera, bird)
    paint_branch(painting, camera, bird)
    paint_bird(painting, camera, bird, _visible(bird, drop, swap or {}))
    if cue is not None:
        paint_cue(painting, camera, bird, cue)
    return painting.colours(bird, noise), painting.parts()


def pair(
    a: Bird, b: Bird, size: int | tuple[int, int] = (64, 128), *, noise: float = 0.0
) -> tuple[Bytes, tuple[Bytes, Bytes]]:
    """Draw two birds side by side in one picture: each in its half as `render` would draw it there.

    Sky, ground, horizon and noise are those of the first, clutter is that of both, and there is no branch.

    Parameters
    ----------
    a, b
        The birds on the left and on the right.
    size
        Pixels of a side, or ``(height, width)``; each half is 16 pixels wide or more.
    noise
        As for `render`.

    Returns
    -------
    tuple
        Colours uint8 ``(H, W, 3)``, and for each bird its parts uint8 ``(H, W)``, as numbered in `PARTS`; the other
        bird is background there.

    Raises
    ------
    PictureError
        If the size or the noise is not one of these.
    """
    height, width = checked_size(size)
    checked_size((height, width // 2))
    check_noise(noise)
    painting = Painting(height, width, a.traits)
    half = width // 2
    cameras = [Camera(height, half, bird.traits, left=left) for bird, left in ((a, 0), (b, half))]
    for bird, camera in zip((a, b), cameras, strict=True):
        paint_clutter(painting, camera, bird)
    first, second = (
        paint_bird(painting, camera, bird, bird.variants) for bird, camera in zip((a, b), cameras, strict=True)
    )
    return painting.colours(a, noise), (painting.parts(hidden=second), painting.parts(hidden=first))


def _visible(bird: Bird, drop: Collection[str], swap: Mapping[str, int]) -> dict[str, int]:
    """Variants of the slots that are drawn."""
    return {slot: swap.get(slot, own) for slot, own in bird.variants.items() if slot not in drop}


def checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a `size`, or a PictureError."""
    height, width = _SIDES("size", size if isinstance(size, Iterable) else (size, size))
    return height, width


def _check(drop: Collection[str], swap: Mapping[str, int], cue: int | None, noise: float) -> None:
    unknown = sorted((set(drop) | set(swap)) - set(SLOTS))
    if unknown:
        raise PictureError(f"there is no slot {unknown[0]!r}; there are {', '.join(SLOTS)}")
    for slot, variant in swap.items():
        if variant not in range(VARIANTS):
            raise PictureError(f"variant of {slot} is {variant}, but must be 0 to {VARIANTS - 1}")
    if cue is not None and cue not in range(len(SPECIES)):
        raise PictureError(f"cue is {cue}, but must be 0 to {len(SPECIES) - 1}")
    check_noise(noise)


def check_noise(noise: float) -> float:
    """The noise; a PictureError where it is no standard deviation of grey levels."""
    return Real(0, 255, error=PictureError)("noise", noise)


def contact_sheet(species: int = 8, columns: int = 6, size: int = 96) -> Image.Image:
    """Draw a row of individuals for each of the first `species`, under its name.

    Parameters
    ----------
    species
        Number of rows, 1 to 24.
    columns
        Individuals in a row, the same ones in every row.
    size
        Pixels of a side of each picture.

    Raises
    ------
    PictureError
        If there are not so many species, or no columns.
    """
    if not 1 <= species <= len(SPECIES) or columns < 1:
        raise PictureError(f"{species} species in {columns} columns: 1 to {len(SPECIES)} and 1 or more are needed")
    gap, caption = 6, 16
    sheet = Image.new("RGB", (columns * (size + gap) + gap, species * (size + gap + caption) + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for row in range(species):
        top = gap + row * (size + gap + caption)
        pen.text((gap, top), SPECIES[row].name, fill="black")
        for column in range(columns):
            rgb, _ = render(Bird(row, column), size)
            sheet.paste(Image.fromarray(rgb), (gap + column * (size + gap), top + caption))
    return sheet
