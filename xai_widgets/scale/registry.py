"""How each method explains a whole data set, under the method's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_widgets.registry import Registry

if TYPE_CHECKING:
    from xai_widgets.scale.rows import Method

METHODS: Registry[Method] = Registry(
    "method",
    {key: f"xai_widgets.scale.{key}:METHOD" for key in ("cladec", "summaries", "srae", "inversion", "cae")},
)
"""Each is loaded when it is first used."""
