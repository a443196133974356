"""How an interrupted fit is resumed: checkpoints of running trainings, and modules that are finished."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from torch import nn

from xai_widgets import artifact
from xai_widgets.together import current

_KIND = "trained part"


class FinishedParts:
    """A folder for one fit, which may train several modules one after the other; without one, nothing is kept.

    `identity` is all that the fit depends on (model, settings, pictures): fits with other identities share no file.
    Of processes that train together, the first writes, and all read.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._folder = None if folder is None else folder / digest
        self._kept: list[Path] = []

    def checkpoint(self, name: str) -> Path | None:
        """Where the training of that name keeps its checkpoint."""
        return self._file(f"{name}-running")

    def restore(self, name: str, module: nn.Module) -> int | None:
        """Load a finished module and return the number of its epochs; None if it is not finished."""
        path = self._finished(name)
        there = path is not None and artifact.with_suffix(path).exists()
        current().agree(there, "finished part")
        if path is None or not there:
            return None
        tensors, details = artifact.load(path, _KIND)
        artifact.put_into(module, tensors)
        module.eval()
        self._kept.append(path)
        return int(details["epochs"])

    def keep(self, name: str, module: nn.Module, epochs: int) -> None:
        """Save a finished module until the whole fit is done."""
        if (path := self._finished(name)) is not None:
            if current().writes:
                artifact.save(path, _KIND, module.state_dict(), {"epochs": epochs})
            self._kept.append(path)

    def clear(self) -> None:
        """Remove what was kept: the fit is done."""
        current().agree(len(self._kept), "finished parts")
        if not current().writes:
            return
        for path in self._kept:
            artifact.remove(path)
        if self._folder is not None:
            with suppress(OSError):  # it was never made, or another process keeps something in it
                self._folder.rmdir()

    def _finished(self, name: str) -> Path | None:
        return self._file(f"{name}-finished")

    def _file(self, name: str) -> Path | None:
        """A file in the folder itself, whatever signs the name has: it may be that of a layer."""
        return None if self._folder is None else self._folder / quote(name, safe=" ")
