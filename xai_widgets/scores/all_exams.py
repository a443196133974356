"""The exam of all methods: every row on every study, and whether the methods name a place that no part explains.

Each finished row is kept in a file, so that an exam that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import xai_widgets
from xai_widgets import files, limits
from xai_widgets.digest import require_signed, signed
from xai_widgets.errors import ArtifactError
from xai_widgets.progress import Progress
from xai_widgets.scores.answers import ANSWERS
from xai_widgets.scores.cue import threshold
from xai_widgets.scores.exam import one_thread
from xai_widgets.scores.material import Material, draw_material
from xai_widgets.scores.row_exam import BETTER, Row, examine_row
from xai_widgets.scores.rows import ROWS, applies, kind_of
from xai_widgets.scores.twin import FITS, fit_missing, randomised
from xai_widgets.seeding import derived
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

HONEST, CHEATING = "honest", "cheating"
"""Names of the demos' studies; the rule of `cue` needs both."""

PICTURES, LARGE_PICTURES = 64, 12
"""Pictures of each exam, and how many of large ones, which take dozens of times as long."""

TWINS, LARGE_TWINS = 5, 1
"""Classifiers with random weights: each of them alone is an accident. Large pictures have time for one."""

NOT_FITTED = "not fitted for this study: xai-widgets fit {row}"
NOT_REFITTED = "Not fitted anew for random weights, since this may take long."


@dataclass(frozen=True)
class Report:
    """All rows of all studies.

    Attributes
    ----------
    seed, pictures
        Of the exam; so many pictures were drawn of each study.
    studies
        The rows by the study's short name, each by its own name.
    threshold
        What a place must hold to be named; None without both demos.
    """

    seed: int
    pictures: int
    studies: Mapping[str, Mapping[str, Row]]
    threshold: float | None

    def named(self, study: str) -> list[str]:
        """The rows that name a place in a study; of the cheating one only if it is that of the cue."""
        if self.threshold is None:
            return []
        rows = self.studies[study].items()
        over = [(name, row) for name, row in rows if row.place.get("share", 0.0) > self.threshold]
        return [name for name, row in over if study != CHEATING or row.place["cue"]]

    def summary(self) -> dict[str, int]:
        """How many of the five methods name the cue, and how many raise a false alarm."""
        if self.threshold is None:
            return {}
        counts = {study: len(set(self.named(study)) & set(ANSWERS)) for study in (HONEST, CHEATING)}
        return {"cue_named": counts[CHEATING], "false_alarms": counts[HONEST]}

    def to_dict(self, *, cases: bool = False) -> dict[str, Any]:
        """As JSON has it. What differs from run to run, seconds, is apart; `cases` adds pictures."""
        studies, seconds = {}, {}
        for study, rows in self.studies.items():
            plain = {name: row.to_dict() for name, row in rows.items()}
            seconds[study] = {name: values.pop("seconds") for name, values in plain.items()}
            for values in plain.values():
                if not cases:
                    del values["cases"]
            studies[study] = plain
        named = {study: self.named(study) for study in self.studies} if self.threshold is not None else {}
        known = {"seed": self.seed, "pictures": self.pictures, "better": dict(BETTER), "threshold": self.threshold}
        return self.summary() | known | {"named": named, "studies": studies, "seconds": seconds}

    def to_json(self) -> str:
        """Strict JSON, without pictures."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


def examine_all(
    studies: Mapping[str, Study],
    *,
    seed: int = 0,
    pictures: int | None = None,
    keep: Path,
    progress: Progress,
    fit: bool = True,
) -> Report:
    """Examine every row of every study, with one thread: the same numbers for any number of cores.

    Parameters
    ----------
    studies
        By short name.
    seed
        Of the pictures, of what methods draw, and of random weights.
    pictures
        How many are drawn of each study; those that the classifier gets wrong are left out. Default: 64, of large
        ones 12.
    keep
        Folder for finished rows; those of the same exam are taken from there.
    progress
        Told each row.
    fit
        Whether methods are fitted where they are missing, and for the classifier with random weights.

    Raises
    ------
    CancelledError
        If `progress` was cancelled; finished rows are kept.
    """
    seed = limits.SEED("seed", seed)
    plan = [(name, row) for name, study in studies.items() for row in ROWS if applies(row, study)]
    counts = {name: pictures or usual_pictures(study) for name, study in studies.items()}
    makers = {name: _Desk(name, study, seed, counts[name], keep, fit) for name, study in studies.items()}
    kept = {(study, row): one for study, row in plan if (one := makers[study].kept(row)) is not None}
    progress.start("exam of all methods", len(plan), done=len(kept))
    found: dict[str, dict[str, Row]] = {name: {} for name in studies}
    with one_thread():
        for study, row in plan:
            known = kept.get((study, row))
            found[study][row] = known or makers[study].examined(row, progress.part())
            if known is None:
                progress.advance(note=f"{row}, {study}")
    return Report(seed, max(counts.values()), found, _threshold(found))


def usual_pictures(study: Study) -> int:
    """How many pictures of a study are drawn, unless somebody says."""
    return LARGE_PICTURES if is_large(study.shape) else PICTURES


def _threshold(found: Mapping[str, Mapping[str, Row]]) -> float | None:
    if not {HONEST, CHEATING} <= found.keys():
        return None
    shares = [row.place["others"] for row in found[HONEST].values() if "others" in row.place]
    return threshold(shares) if shares else None


class _Desk:
    """Examines the rows of one study, and keeps them."""

    def __init__(self, name: str, study: Study, seed: int, pictures: int, keep: Path, fit: bool) -> None:
        self.name, self.study, self.seed, self.pictures, self.keep, self.fit = name, study, seed, pictures, keep, fit
        self._same = {"study": name, "model": study.fingerprint, "seed": seed, "pictures": pictures, "code": _code()}
        self._material: Material | None = None
        self._random: list[Study] = []

    def _file(self, row: str) -> Path:
        return self.keep / f"{self.name}-{row}.json"

    def _identity(self, row: str) -> dict[str, Any]:
        """What must agree for a kept row; a method that was fitted otherwise by the user is measured anew."""
        settings = getattr(self.study.explainers.get(row), "settings", None)
        return {**self._same, "fit": self.fit or repr(settings)}

    def kept(self, row: str) -> Row | None:
        """A row of the same exam that was finished before; None if there is none, or it is damaged."""
        path = self._file(row)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Row.from_dict(said["row"]) if self._is_ours(row, path, said) else None

    def _is_ours(self, row: str, path: Path, said: object) -> bool:
        if not isinstance(said, dict):
            return False
        try:
            require_signed(path, said)
        except ArtifactError:
            return False
        return bool(said.get("identity") == self._identity(row))

    def examined(self, row: str, progress: Progress) -> Row:
        """Examine a row, and keep it."""
        found = self._examined(row, progress)
        said = signed({"identity": self._identity(row), "row": found.to_dict()})
        files.write(self._file(row), json.dumps(said).encode())
        return found

    def _examined(self, row: str, progress: Progress) -> Row:
        if row in FITS and row not in self.study.explainers:
            if not self.fit:
                return Row(row, kind_of(row), note=NOT_FITTED.format(row=row))
            fit_missing(self.study, row, self.seed, progress)
        if self._material is None:
            self._material = draw_material(self.study, self.pictures, self.seed, progress)
        refit = self.fit or row not in FITS
        made = examine_row(row, ROWS[row], self._material, self._twins(row) if refit else [])
        return made if refit or made.note else replace(made, note=NOT_REFITTED)

    def _twins(self, row: str) -> list[Study]:
        """Classifiers with random weights: several, but one where each needs a fit."""
        if not self._random:
            count = LARGE_TWINS if is_large(self.study.shape) else TWINS
            self._random = [randomised(self.study, derived(self.seed, "twin", number)) for number in range(count)]
        return self._random[:1] if row in FITS else self._random


@cache
def _code() -> str:
    """A digest of the package's code: rows that other code measured are measured anew."""
    package = Path(xai_widgets.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
