"""Your own picture in the Workbench: checked, and made like those of the study."""

from __future__ import annotations

from xai_widgets.data.decode import read_sent
from xai_widgets.errors import PictureError
from xai_widgets.inputs import COLOUR, GREY, of_channels
from xai_widgets.names import UNKNOWN, printable
from xai_widgets.pool import Guest
from xai_widgets.study import Study
from xai_widgets.widgets.views.add_picture import MEGABYTE, MOST

YOURS = "yours"


def own_picture(study: Study, name: str, content: bytes | None) -> Guest:
    """The middle of a picture, of the size and the channels of the study's; `content` is None if it was too large.

    Raises
    ------
    PictureError
        If the file is no picture, is damaged or too large, or if the study's pictures are neither grey nor coloured.
    """
    channels, height, width = study.shape
    if channels not in (GREY, COLOUR):
        raise PictureError(f"pictures of this study have {channels} channels, and those of a file have 1 or 3")
    if content is None:
        most = f"pictures of at most {MOST // MEGABYTE} MB can be added; save it smaller"
        raise PictureError(f"{printable(name)} is too large: {most}")
    picture = of_channels(read_sent(content, name, (height, width))[None], channels)[0].contiguous()
    return Guest(YOURS, UNKNOWN, lambda: (picture, None))
