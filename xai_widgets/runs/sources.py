"""Where the pictures of a study come from, as plain values in a file; and how they are opened again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from xai_widgets.errors import ArtifactError, PictureError
from xai_widgets.limits import Choice, Of, OrNone, Rule, Several, Whole
from xai_widgets.pictures import PictureSet, item
from xai_widgets.relabelling import as_given

LOOKED_AT = 32
"""Number of labels, spread evenly over the set, by which pictures are recognised."""

MOST_PICTURES, LARGEST_SIDE = 10_000_000, 16_384
"""A description that asks for more is damaged, or malicious."""

FOLDER = "xai_widgets.data.folder.FolderPictures"
BIRDS = "xai_widgets.data.bird_pictures.BirdPictures"
DIGITS = "xai_widgets.data.digits.Digits"

OPTIONS: dict[str, tuple[str, ...]] = {
    FOLDER: ("size", "fit", "split"),
    BIRDS: ("species", "size", "seed", "first", "cheat", "drop", "noise"),
    DIGITS: ("size",),
}
"""Picture sets that can be opened again, and the options of their constructors."""


_RULES: dict[str, Rule[Any]] = {
    "size": Several(Whole(1, LARGEST_SIDE), (2,)),
    "fit": Choice(("crop", "contain", "squash")),
    "split": OrNone(Several(Of((str,)))),
}
"""What options of a source may be."""

USUAL_FIT = "crop"
"""Of a folder whose description does not say how its pictures are brought to their size."""


def described(pictures: Any, beside: Path) -> dict[str, Any]:
    """Describe where pictures come from, as plain values for JSON; a folder's path is also given relative to `beside`.

    Pictures whose class is not in `OPTIONS` can be recognised, but not opened again.
    """
    kind = _kind(pictures)
    options = {name: getattr(pictures, name) for name in OPTIONS.get(kind, ())}
    found: dict[str, Any] = {"kind": kind, "count": len(pictures), "check": _check(pictures), "options": options}
    if kind == FOLDER:
        root = pictures.root.resolve()
        found["path"] = str(root)
        with suppress(ValueError):  # on another drive
            found["relative"] = Path(os.path.relpath(root, beside.resolve())).as_posix()
    return found


def bounded(name: str, source: object) -> dict[str, Any]:
    """A source as `described` says it, if it asks for no more than there can be; a rule of `limits`.

    Raises
    ------
    XaiWidgetsError
        If something is missing, or too large.
    """
    said: dict[str, Any] = Of((dict,))(name, source)
    options = Of((dict,))(f"{name}'s options", said.get("options"))
    Of((str,))(f"{name}'s kind", said.get("kind"))
    Whole(1, MOST_PICTURES)(f"{name}'s count", said.get("count"))
    for option, value in options.items():
        if option in _RULES:
            _RULES[option](f"{name}'s {option}", value)
    return said


def opened(source: Mapping[str, Any], beside: Path) -> PictureSet:
    """Open pictures again; an ArtifactError where they are missing, have changed, or are of an unknown class."""
    if source["kind"] not in OPTIONS:
        raise ArtifactError(
            f"the pictures cannot be found again, since they were a {source['kind']}; give them: images=, and test= if "
            "the unseen ones were given apart"
        )
    made = _made(source, beside)
    require_same(made, source)
    return made


def require_same(pictures: PictureSet, source: Mapping[str, Any]) -> None:
    """Refuse, with an ArtifactError, pictures other than those described: explainers know pictures by their indices."""
    advice = "explainers refer to them by index: restore the pictures, or begin another run"
    if len(pictures) != source["count"]:
        raise ArtifactError(f"these are {len(pictures)} pictures, and there were {source['count']}; {advice}")
    # Another class may describe the same pictures in another way; then only their number is compared.
    if _kind(pictures) == source["kind"] and _check(pictures) != source["check"]:
        raise ArtifactError(f"these are other pictures, or in another order; {advice}")
    there, here = source["options"].get("fit", USUAL_FIT), getattr(pictures, "fit", USUAL_FIT)
    if source["kind"] == FOLDER and here != there:
        raise ArtifactError(f"these pictures have fit={here!r}, and there it was {there!r}; make them alike")


def _made(source: Mapping[str, Any], beside: Path) -> PictureSet:
    module, _, name = source["kind"].rpartition(".")
    kind: Any = getattr(import_module(module), name)
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in source["options"].items()}
    if source["kind"] == DIGITS:
        given["size"] = given["size"][0]  # they are square, and their constructor takes one side
    elif source["kind"] == BIRDS:
        given["count"] = source["count"]
    else:
        given["path"] = _place(source, beside)
    try:
        pictures: PictureSet = kind(**given)
    except PictureError as error:
        raise ArtifactError(f"the pictures cannot be opened again: {error}; or give them with images=") from error
    return pictures


def _place(source: Mapping[str, Any], beside: Path) -> Path:
    """The folder of the pictures: where it was, or where it is now if it moved together with the run."""
    places: list[Path] = [Path(source["path"]), *([beside / source["relative"]] if "relative" in source else [])]
    for place in places:
        if place.is_dir():
            return place
    raise ArtifactError(
        f"the folder of the pictures is gone: there is no {' and no '.join(map(str, places))}; restore it, or give "
        "the new place of the pictures with images=xw.folder(...)"
    )


def _check(pictures: Any) -> str:
    """A hash of labels, and of the names of files."""
    chosen = range(0, len(pictures), max(len(pictures) // LOOKED_AT, 1))
    kind, own = _kind(pictures), as_given(pictures)
    # Only in our own sets, `labels` is known to need no reading of pictures.
    seen = [int(own.labels[i]) if kind in OPTIONS else item(own, i)[1] for i in chosen]
    parts = [part for part in (pictures, pictures.unseen) if part is not None] if kind == FOLDER else []
    files = [path.relative_to(pictures.root).as_posix() for part in parts for path in part.paths]
    return hashlib.sha256(json.dumps([seen, files]).encode()).hexdigest()[:16]


def _kind(pictures: PictureSet) -> str:
    return f"{type(pictures).__module__}.{type(pictures).__qualname__}"
