"""Names of classes, and which folder shows which class, as they are typed or as they lie in a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NoReturn

from xai_widgets import limits
from xai_widgets.errors import XaiWidgetsError

LISTED = "a comma between names, a text file with a name in each line, or a JSON file with a list of names"
MAPPED = 'FOLDER=CLASS with a comma between them, or a JSON file such as {"ants": "ant", "bees": 309}'

FILES = {".txt", ".json", ".csv", ".names"}
"""What ends so is the name of a file, also if there is none."""


def class_names(text: str) -> list[str]:
    """The names of the classes; for argparse, as `labels` is."""
    content = _content(text)
    if content is None:
        return _names([name.strip() for name in text.split(",")])
    if content.lstrip()[:1] in ("[", "{"):
        return _names(_parsed(text, content))
    return _names([line.strip() for line in content.strip().splitlines()])


def labels(text: str) -> dict[str, str | int]:
    """The class of each folder: its name, or its number."""
    content = _content(text)
    pairs = _typed_pairs(text) if content is None else _pairs(_parsed(text, content))
    twice = {folder for folder, _ in pairs if [one for one, _ in pairs].count(folder) > 1}
    if twice:
        _refuse(f"{sorted(twice)[0]!r} has two classes; give one")
    return dict(pairs)


def path(text: str) -> Path:
    """A path, with ``~`` as the home folder; for argparse."""
    if not text.strip():
        _refuse("the name is empty; give one, and . for the current folder")
    try:
        return limits.path_like("it", text)
    except (XaiWidgetsError, RuntimeError) as error:  # a home folder of nobody
        raise argparse.ArgumentTypeError(str(error)) from error


def word(text: str) -> str:
    """A text that can be shown; for argparse."""
    if not text.isprintable() or not text.strip():
        _refuse(f"{text!r} cannot be shown; give letters, digits and signs")
    return text


def _content(text: str) -> str | None:
    """JSON as it is typed, or what a file of that name holds; None if the text is a list of names itself."""
    if text.lstrip()[:1] in ("[", "{"):
        return text
    file = path(text)
    try:
        if file.is_file():
            return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        if file.suffix in FILES:
            _refuse(f"{file} cannot be read ({error})")
        return None  # such as a list of names that is too long for a file's
    except UnicodeDecodeError as error:
        _refuse(f"{file} is not UTF-8 text ({error})")
    if file.suffix.lower() in FILES and "," not in text and "=" not in text:
        _refuse(f"there is no file {file}")
    return None


def _parsed(text: str, content: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        _refuse(f"{text} is not JSON ({error}); give {LISTED if content.lstrip()[:1] == '[' else MAPPED}")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object: a dict would lose a name that comes twice."""


def _names(found: Any) -> list[str]:
    if isinstance(found, _Pairs) or not isinstance(found, list):
        _refuse(f"these are not names; give {LISTED}")
    for name in found:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            _refuse(f"{name!r} is not a class name; give {LISTED}")
    twice = [name for name in found if found.count(name) > 1]
    if twice or not found:
        _refuse(f"{twice[0]!r} is there twice; names must differ" if twice else f"no names are given; give {LISTED}")
    return list(found)


def _typed_pairs(text: str) -> list[tuple[str, str | int]]:
    parts = [part.partition("=") for part in text.split(",")]
    if not all(equals for _, equals, _ in parts):
        _refuse(f"{text!r} does not say the class of each folder; give {MAPPED}")
    return _pairs(_Pairs((folder.strip(), _number_or_name(name.strip())) for folder, _, name in parts))


def _number_or_name(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _pairs(found: Any) -> list[tuple[str, str | int]]:
    if not isinstance(found, _Pairs) or not found:
        _refuse(f"it does not say the class of each folder; give {MAPPED}")
    for folder, name in found:
        number = isinstance(name, int) and not isinstance(name, bool) and name >= 0
        if not folder.strip() or not (number or (isinstance(name, str) and name.strip() and name.isprintable())):
            _refuse(f"{folder!r} = {name!r} does not map a folder to the name or number of its class; give {MAPPED}")
    return list(found)


def _refuse(text: str) -> NoReturn:
    raise argparse.ArgumentTypeError(text)
