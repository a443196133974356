"""Units of a layer, from what a person types."""

from __future__ import annotations

from collections.abc import Callable

from xai_widgets.errors import LayerError


def parse_units(text: str, ranked: Callable[[], list[int]], count: int) -> list[int] | None:
    """Units from what a person types: None for all, else numbers.

    Parameters
    ----------
    text
        "all", numbers and ranges such as "0-7, 12", or "top 8".
    ranked
        Called for the units in order of importance, if they are asked for.
    count
        How many units there are.

    Raises
    ------
    LayerError
        If the text means nothing, or a unit that does not exist.
    """
    words = text.strip().lower()
    if words in ("", "all"):
        return None
    try:
        if words.startswith("top"):
            return _top(ranked, int(words.removeprefix("top")))
        return [unit for part in words.split(",") for unit in _range(part.strip(), count)]
    except ValueError as error:
        raise LayerError(f"units {text!r} are not understood; write all, or 0-7, 12, or top 8") from error
    except IndexError as error:
        raise LayerError(f"units {text!r} go beyond this layer's, which are 0 to {count - 1}") from error


def _top(ranked: Callable[[], list[int]], number: int) -> list[int]:
    if number < 0:
        raise ValueError(f"{number} is no number of units")
    return ranked()[:number]


def _range(part: str, count: int) -> range:
    """One number, or a range of them, of 0 to `count` - 1."""
    first, dash, last = part.partition("-")
    begin, end = int(first), int(last if dash else first)
    if end < begin:
        raise ValueError(f"{part!r} is no range")
    if end >= count:
        raise IndexError(end)
    return range(begin, end + 1)
