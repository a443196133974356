"""Static galleries of pictures, by ipyplot, that stay readable in a saved notebook without a kernel.

ipyplot draws arrays of bytes well and little else: everything is brought into that form first, and what it leaves out
(escaping, text for those who cannot see, the host's theme) is added here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ipyplot._html_helpers import _create_imgs_grid  # the public functions display at once, and everything twice

from xai_widgets.errors import PictureError
from xai_widgets.show.images import enlarge, to_uint8

# ipyplot paints white cards; the host's colours win over them.
_STYLE = """
<style>
.xw-gallery div[class^="ipyplot-content-div"] {
  background: transparent; border-color: transparent; color: var(--jp-ui-font-color1, inherit);
}
.xw-gallery div[id^="ipyplot-content-div"]:target { background: var(--jp-layout-color1, Canvas); }
.xw-gallery div[id^="ipyplot-imgs-container-div"] { overflow-y: auto; }
.xw-gallery h4 { margin: 4px 0; font-family: var(--jp-ui-font-family, system-ui, sans-serif); }
</style>
"""


@dataclass(frozen=True)
class Gallery:
    """Pictures as HTML; the last value of a cell is shown, and saved with the notebook.

    Attributes
    ----------
    html
        The whole gallery, with the pictures inside; it refers to nothing outside itself.
    """

    html: str

    def _repr_html_(self) -> str:
        return self.html


def gallery(
    pictures: Sequence[Any],
    labels: Sequence[Any],
    captions: Sequence[str] | None = None,
    *,
    width: int = 128,
    most: int = 60,
) -> Gallery:
    """Show pictures with labels above them, as HTML.

    Parameters
    ----------
    pictures
        A batch (N, C, H, W), or a sequence of anything `xai_widgets.show.images.to_uint8` takes; shapes may differ.
    labels
        One for each picture, such as class names.
    captions
        A second line for each picture.
    width
        Width of every picture in pixels, on the page and in the file.
    most
        So many pictures are shown at most; the gallery says when there are more.

    Raises
    ------
    PictureError
        If there are no pictures, if labels or captions are missing, or if a picture cannot be shown.
    """
    _require_one_each(len(pictures), labels=labels, captions=captions)
    count = min(len(pictures), most)
    names = [str(label) for label in labels[:count]]
    lines = [str(caption) for caption in captions[:count]] if captions is not None else None
    grid = _create_imgs_grid(
        images=[_of_width(picture, width) for picture in pictures[:count]],
        labels=[html.escape(name) for name in names],
        custom_texts=None if lines is None else [html.escape(line) for line in lines],
        max_images=count,
        img_width=width,
    )
    spoken = names if lines is None else [f"{name}, {line}" for name, line in zip(names, lines, strict=True)]
    return Gallery(f'{_STYLE}<div class="xw-gallery">{_with_alt(grid, spoken)}{_rest(count, len(pictures))}</div>')


def _require_one_each(count: int, **texts: Sequence[Any] | None) -> None:
    if count == 0:
        raise PictureError("a gallery needs at least one picture, but got none")
    for name, given in texts.items():
        if given is not None and len(given) != count:
            raise PictureError(f"{count} pictures need {count} {name}, not {len(given)}")


def _of_width(picture: Any, width: int) -> Any:
    pixels = to_uint8(picture)
    height, across = pixels.shape[:2]
    return enlarge(pixels, max(width, round(width * height / across)))


def _with_alt(grid: str, texts: Sequence[str]) -> str:
    remaining: Iterator[str] = iter(texts)
    return re.sub(r"<img (?=src=)", lambda _: f'<img alt="{html.escape(next(remaining))}" ', grid)


def _rest(shown: int, count: int) -> str:
    return f"<p>{shown:,} of {count:,} pictures are shown.</p>" if shown < count else ""
