"""Registries: one entry for each explanation method, under the same key in every layer of the package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from xai_widgets.names import closest

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Entries by key, in order; each is imported when it is first used.

    Parameters
    ----------
    kind
        What the entries are, for error messages.
    sources
        For each key, where its entry is: ``"package.module:name"``.

    Examples
    --------
    >>> EXPLAINERS["cladec"]
    <class 'xai_widgets.methods.cladec.cladec.ClaDec'>
    """

    def __init__(self, kind: str, sources: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = dict(sources)

    def add(self, key: str, entry: T | str) -> None:
        """Add an entry, or the place of one, at the end; or replace the one of that key."""
        self._entries[key] = entry

    def remove(self, key: str) -> None:
        """Take an entry out."""
        del self._entries[key]

    def __getitem__(self, key: str) -> T:
        """The entry of that key.

        Raises
        ------
        XaiWidgetsError
            If there is none; with the closest keys.
        """
        entry = self._entries[closest(key, self._entries, self.kind)]
        if isinstance(entry, str):
            module, _, name = entry.partition(":")
            entry = self._entries[key] = cast(T, getattr(import_module(module), name))
        return entry

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
