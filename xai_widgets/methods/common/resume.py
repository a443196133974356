"""Where an interrupted fit finds its place again: checkpoints of what is being trained, and what is finished."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from torch import nn

from xai_widgets import artifact

_KIND = "trained part"


class FinishedParts:
    """A folder for one fit, which may train several modules one after the other.

    Parameters
    ----------
    folder
        Where the user keeps checkpoints; None keeps nothing.
    identity
        Whatever the fit depends on (model, settings, pictures): fits that differ in it share no file.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._folder = None if folder is None else folder / digest
        self._kept: list[Path] = []

    def checkpoint(self, name: str) -> Path | None:
        """Where the training of that name keeps its checkpoint."""
        return None if self._folder is None else self._folder / f"{name}-running"

    def restore(self, name: str, module: nn.Module) -> int | None:
        """Load a finished module; the number of its epochs, or None if it is not finished."""
        path = self._finished(name)
        if path is None or not artifact.with_suffix(path).exists():
            return None
        tensors, details = artifact.load(path, _KIND)
        module.load_state_dict(tensors)
        module.eval()
        self._kept.append(path)
        return int(details["epochs"])

    def keep(self, name: str, module: nn.Module, epochs: int) -> None:
        """Save a finished module until the whole fit is done."""
        if (path := self._finished(name)) is not None:
            artifact.save(path, _KIND, module.state_dict(), {"epochs": epochs})
            self._kept.append(path)

    def clear(self) -> None:
        """Remove what was kept: the fit is done."""
        for path in self._kept:
            artifact.remove(path)
        if self._folder is not None:
            with suppress(OSError):  # it was never made, or another process keeps something in it
                self._folder.rmdir()

    def _finished(self, name: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{name}-finished"
