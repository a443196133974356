"""Explain every picture of a data set, shard by shard.

The same shards and batches are made whatever the number of processes, so a picture always has the same neighbours, and
its row the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from xai_widgets import limits
from xai_widgets.digest import ENTRY, signed
from xai_widgets.errors import FAILURES, NotFittedError, StaleError, XaiWidgetsError
from xai_widgets.limits import OrNone, Whole, path_like
from xai_widgets.methods.common.explainer import STALE, Explainer
from xai_widgets.pictures import PictureSet, require_set
from xai_widgets.progress import Progress, bar
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.ranks import Ranks
from xai_widgets.scale.reading import Entry, Reading, described
from xai_widgets.scale.registry import METHODS
from xai_widgets.scale.rows import Method, head, records
from xai_widgets.scale.sources import source

SHARD = 512
"""Pictures in a file: what is lost if a process is killed, and what is held in memory."""

OF_RUN = ("xai_widgets", "torch", "python", "platform", "time")
"""What `Explainer.origin` says of where it was called, not of the explainer."""


def explain_all(
    explainer: Explainer,
    pictures: PictureSet | str | Path,
    out: str | Path,
    *,
    shard: int = SHARD,
    batch: int | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Explanations:
    """Explain every picture of a data set, and write the explanations as Parquet files.

    Under ``accelerate launch`` or ``torchrun``, each process explains its share of the shards. What is already in the
    folder is kept: call it again after an interruption, and only the missing shards are made.

    Parameters
    ----------
    explainer
        A method for a study; fitted, unless it searches.
    pictures
        Of the study's shape, with labels that are numbers of the study's classes, or -1; or where they come from: a
        folder, ``hf:NAME``, or a file, see `source`.
    out
        A folder: new, empty, or with a part of the same run.
    shard
        Pictures in each file.
    batch
        Pictures that are explained at once; default the study's ``batch_size``. Another number may change last digits.
    workers
        Processes that read pictures ahead; worth it where a GPU waits for photos.
    progress
        Told each picture, and asked whether to stop; default a progress bar, of the first process only.

    Returns
    -------
    Explanations
        The folder, when all processes are done. ``.failures`` lists pictures that could not be read or explained.

    Raises
    ------
    NotFittedError, StaleError
        If the explainer is not fitted, or the model has changed since.
    ArtifactError
        If the folder holds something else, such as a run of another explainer or of other pictures.
    XaiWidgetsError
        If nothing in a batch can be explained, or a library of the extra ``scale`` is missing.
    CancelledError
        If `progress` was cancelled; finished shards stay.
    """
    method, folder, ranks = METHODS[explainer.key], path_like("out", out), Ranks.here()
    _require_ready(explainer, method)
    if isinstance(pictures, str | Path):
        text = pictures
        pictures = ranks.first(lambda: source(text, explainer.study, folder))
    require_set(pictures)
    manifest = _manifest(explainer, method, pictures, _sizes(explainer, shard, batch))
    found = ranks.first(lambda: Explanations.begin(folder, manifest))
    missing = found.missing
    ranks.wait()  # all have counted the same missing shards before one is written
    with progress or (Progress() if ranks.number else bar()) as shown:
        _Work(explainer, method, found, shown).run(Reading.of(pictures, explainer.study), missing, ranks, workers)
    ranks.wait()
    return found


def _require_ready(explainer: Explainer, method: Method) -> None:
    if method.trained and not explainer.fitted:
        raise NotFittedError(f"this {type(explainer).__name__} is not fitted yet; call fit()")
    if method.trained and STALE in explainer.problems:
        raise StaleError(STALE)


def _sizes(explainer: Explainer, shard: int, batch: int | None) -> dict[str, int]:
    size = Whole(1, 10**6)("shard", shard)
    given = OrNone(limits.BATCH)("batch", batch)
    return {"shard": size, "batch": min(given or explainer.study.batch_size, size)}


def _manifest(explainer: Explainer, method: Method, pictures: PictureSet, sizes: dict[str, int]) -> dict[str, Any]:
    """What describes a run, and what another run must share with it to continue it."""
    study = explainer.study
    settings = {name: value for name, value in explainer.origin().items() if name not in (*OF_RUN, "method", "model")}
    tensors = explainer._tensors(torch.float32) if method.trained else {}
    return {
        "method": explainer.key,
        "model": study.fingerprint,
        "settings": {"values": settings, "digest": signed(settings, tensors)[ENTRY]},
        "pictures": described(pictures),
        **sizes,
        "name": study.name,
        "class_names": list(study.class_names),
        "numbers": list(method.numbers),
        "places": method.places,
        "problems": method.problems(explainer),
        "made_with": {name: value for name, value in explainer.origin().items() if name in OF_RUN},
    }


@dataclass
class _Work:
    """What one process does."""

    explainer: Explainer
    method: Method
    found: Explanations
    progress: Progress

    def run(self, reading: Reading, missing: Sequence[int], ranks: Ranks, workers: int) -> None:
        """Explain this process's share of the missing shards."""
        mine = missing[ranks.number :: ranks.count]
        task = f"explaining ({self.explainer.key})" + (f", process 1 of {ranks.count}" * (ranks.count > 1))
        self.progress.start(task, sum(len(self.found.rows_of(number)) for number in mine))
        self.began, self.done = time.monotonic(), 0
        batches = [part for number in mine for part in self._batches(number)]
        # It pins nothing: a batch is put together after it, and pinned where it is sent (see `devices.sent`).
        read = iter(DataLoader(reading, batch_sampler=batches, collate_fn=list, num_workers=workers))
        for number in mine:
            self._shard(number, read)

    def _batches(self, number: int) -> list[list[int]]:
        rows, size = self.found.rows_of(number), self.found.manifest["batch"]
        return [list(rows[start : start + size]) for start in range(0, len(rows), size)]

    def _shard(self, number: int, read: Iterator[list[Entry]]) -> None:
        rows: list[dict[str, Any]] = []
        for _ in self._batches(number):
            entries = next(read)
            rows += self._explained(entries)
            self._advance(len(entries))
        self.found.write(number, rows)

    def _advance(self, count: int) -> None:
        self.done += count
        self.progress.advance(count, f"{self.done / max(time.monotonic() - self.began, 1e-9):.1f} pictures/s")

    def _explained(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """The rows of a batch; where it fails as a whole, its pictures are tried one by one."""
        whole = [entry for entry in entries if entry.failed is None]
        made = self._tried(whole) if whole else []
        by_index = {row["index"]: row for row in made}
        names = self.explainer.study.class_names
        return [by_index.get(entry.index) or head(entry, names) for entry in entries]

    def _tried(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        try:
            return self._rows(entries)
        except (XaiWidgetsError, *FAILURES) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise XaiWidgetsError(
                    f"a batch of {len(entries)} does not fit into memory; give a smaller batch"
                ) from error
            rows = [self._alone(entry) for entry in entries]
            if len(rows) > 1 and all(row["failed"] for row in rows):
                raise XaiWidgetsError(f"none of {len(rows)} pictures can be explained: {rows[0]['failed']}") from error
            return rows

    def _alone(self, entry: Entry) -> dict[str, Any]:
        try:
            return self._rows([entry])[0]
        except (XaiWidgetsError, *FAILURES) as error:
            return head(entry.failing(error), self.explainer.study.class_names)

    def _rows(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        pictures = torch.stack([entry.picture for entry in entries if entry.picture is not None])
        return records(self.method.rows(self.explainer, pictures), entries, self.explainer.study.class_names)
