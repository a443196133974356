"""The drawn view of a counterfactual: it follows the point of a map without asking the kernel."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets
from PIL import Image

from xai_widgets.errors import PictureError
from xai_widgets.show.images import DIFFERENCE_LIMIT, SMALL, data_uri, diverging, to_uint8
from xai_widgets.widgets.views.chart import Box, Floats
from xai_widgets.widgets.views.tools import source

LONGEST_TILE = 64
"""Pixels of the longer side of an atlas's tile: enough while the point moves."""

# The most that browsers read from one WebP.
_LONGEST_SHEET = 16_383
# Neighbours in the sheet would bleed into pictures so small, and lossless they weigh little.
_LOSSLESS = 32


class AtlasView(anywidget.AnyWidget):
    """Original, counterfactual at a point of the map, and the change, with the classifier's answer as bars.

    While the point moves, the browser blends the counterfactual from the four nearest of n x n pictures, the atlas,
    and the probabilities likewise; the view says "preview". At the place of the exact picture it shows that one and
    says "exact". What has not been sent yet is a grey placeholder. Several calls inside ``with view.hold_sync():``
    make one message, and appear at one moment.
    """

    _esm = source("atlas.js")
    _css = source("style.css")

    #: The point on the map: a number, or what a linked mark of bqplot sends, an array of one. It is kept as it came:
    #: of anything else the browser would be told, and the picture would jump back to where the hand has left.
    x = traitlets.Any(0.0).tag(sync=True, echo_update=False)
    y = traitlets.Any(0.0).tag(sync=True, echo_update=False)
    #: The atlas as one picture of n x n tiles, a data URI: column 0 the lowest x, and its first row the lowest y.
    sheet = traitlets.Unicode("").tag(sync=True, echo_update=False)
    #: How many tiles the atlas has each way, at least 2.
    grid = traitlets.Int(2).tag(sync=True)
    #: Height and width of a tile in the sheet, in pixels.
    tile: traitlets.List[Any] = traitlets.List(traitlets.Int(), [1, 1]).tag(sync=True)
    #: Where the outermost tiles lie: lowest and highest x, lowest and highest y.
    box: traitlets.List[Any] = traitlets.List(traitlets.Float(), [0.0, 1.0, 0.0, 1.0]).tag(sync=True)
    #: Probabilities (n, n, K) as little-endian float32, in the order of the sheet.
    table = traitlets.Bytes(b"").tag(sync=True, echo_update=False)
    #: The classes and the colour of each.
    names: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True, echo_update=False)
    colours: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True, echo_update=False)
    #: Whether the probabilities of all classes sum to 1, so that there is one of "all others".
    adding = traitlets.Bool(default_value=True).tag(sync=True)
    #: The class that the classifier sees in the original, and the one that is asked for; -1 for none.
    source = traitlets.Int(-1).tag(sync=True)
    target = traitlets.Int(-1).tag(sync=True)
    #: ``{"src", "small", "alt"}``, of which the second is the picture in the size of the tiles; or nothing.
    original: traitlets.Dict[Any, Any] = traitlets.Dict().tag(sync=True, echo_update=False)
    #: ``{"x", "y", "src", "probabilities", "alt"}``, or nothing.
    exact: traitlets.Dict[Any, Any] = traitlets.Dict().tag(sync=True, echo_update=False)
    #: The longer side of the pictures on the screen, in pixels.
    display = traitlets.Int(204).tag(sync=True)
    #: Whether pixels stay sharp squares; for pictures under 64 pixels.
    pixelated = traitlets.Bool(default_value=False).tag(sync=True)
    #: The change of brightness, of 0 to 1, that has the full colour: one for all pictures.
    scale = traitlets.Float(DIFFERENCE_LIMIT).tag(sync=True)
    #: The colours of the change, evenly spaced from ``-scale`` to ``scale``.
    ramp: traitlets.List[Any] = traitlets.List(diverging(np.linspace(-1, 1, 5)[None], 1.0)[0].tolist()).tag(sync=True)

    def show_original(self, picture: Any, alt: str, *, source: int, target: int) -> None:
        """Show another picture; the atlas and the exact counterfactual of the one before are gone.

        `source` is the class that the classifier sees in it, `target` the one that is asked for; -1 for none.
        """
        pixels = to_uint8(picture)
        with self.hold_sync():
            self.original = {"src": data_uri(pixels), "small": data_uri(_reduced(pixels)), "alt": alt}
            self.pixelated = max(pixels.shape[:2]) < SMALL
            self.source, self.target = source, target
            self.sheet, self.table, self.exact = "", b"", {}

    def show_atlas(self, pictures: Sequence[Any] | Floats, probabilities: Floats, box: Box) -> None:
        """Send the n * n pictures of one size that are blended while the point moves.

        They come row by row from the lowest y, in each row from the lowest x, the outermost ones on the edges of the
        box, with their probabilities (n * n, K). Raises a PictureError unless n is at least 2 and the probabilities
        fit.
        """
        grid = _side(len(pictures), np.shape(probabilities), len(self.names))
        tiles = [_reduced(to_uint8(picture)) for picture in pictures]
        height, width = tiles[0].shape[:2]
        pixels = np.stack(tiles).reshape(grid, grid, height, width, 3).swapaxes(1, 2)
        sheet = pixels.reshape(grid * height, grid * width, 3)
        with self.hold_sync():
            self.sheet = data_uri(sheet, format="png" if max(height, width) <= _LOSSLESS else "webp")
            self.grid, self.tile, self.box = grid, [height, width], [float(edge) for edge in box]
            self.table = np.ascontiguousarray(probabilities, "<f4").tobytes()

    def show_exact(self, x: float, y: float, picture: Any, probabilities: Floats, alt: str = "") -> None:
        """Send the exact counterfactual at a place, with probabilities (K,), to be shown while the point is there."""
        chances = [float(chance) for chance in probabilities]
        self.exact = {"x": float(x), "y": float(y), "src": data_uri(picture), "probabilities": chances, "alt": alt}

    def page_state(self) -> dict[str, Any]:
        """All that the view needs in a page of its own, except where the point is, as JSON takes it."""
        # In one order, or the same page would not always be the same file.
        names = sorted(set(AtlasView.class_own_traits(sync=True)) - {"x", "y"})
        return {**{name: getattr(self, name) for name in names}, "table": base64.b64encode(self.table).decode()}


def _side(pictures: int, table: tuple[int, ...], classes: int) -> int:
    side = math.isqrt(pictures)
    if side < 2 or side * side != pictures:
        raise PictureError(f"an atlas has n x n pictures with n at least 2, not {pictures}")
    if table != (pictures, classes):
        raise PictureError(f"probabilities of {pictures} pictures of {classes} classes, not of shape {table}")
    if side * LONGEST_TILE > _LONGEST_SHEET:
        raise PictureError(f"{pictures} pictures are too many for one sheet; {_LONGEST_SHEET // LONGEST_TILE}² at most")
    return side


def _reduced(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture made small enough for a tile by averaging."""
    height, width = pixels.shape[:2]
    shrink = max(height, width) / LONGEST_TILE
    if shrink <= 1:
        return pixels
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
