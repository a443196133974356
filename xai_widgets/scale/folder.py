"""The folder of a run over a data set: its manifest, its shards, and what they hold.

``explanations.json`` describes the run; ``shard-00000.parquet`` and so on hold a row for each picture. Both are written
under another name and renamed, so that a file that is there is whole.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xai_widgets import files
from xai_widgets.digest import require_signed, signed
from xai_widgets.errors import ArtifactError
from xai_widgets.limits import path_like
from xai_widgets.scale.extra import needed
from xai_widgets.scale.listing import LISTING

FORMAT, FORMAT_VERSION = "xai_widgets explanations", 1
MANIFEST = "explanations.json"

IDENTITY = {
    "method": "by another method",
    "model": "of another model",
    "settings": "by an explainer with other settings, or from another fit",
    "pictures": "of other pictures",
    "shard": "in shards of another size",
    "batch": "in batches of another size",
}
"""What must be the same where a run is continued, and how it is said if it is not."""

WIDE = ("mask", "thumbnail")
"""Columns that hold pictures: read them of a few rows only."""

PLACES = ("places", "place_rows", "place_columns", "place_parts")
"""Columns of the places inside masks, where a method gives them: lists of one length for each picture."""


@dataclass(frozen=True)
class Explanations:
    """The explanations of a data set in a folder.

    Attributes
    ----------
    folder
        Where they are.
    manifest
        How they were made: method, settings, model, pictures, sizes of shards and batches, and problems of the fit.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Explanations:
        """What a folder holds, finished or not.

        Raises
        ------
        ArtifactError
            If it holds no explanations, or its manifest is damaged.
        """
        path = path_like("folder", folder)
        return cls(path, _read(path))

    @classmethod
    def begin(cls, folder: Path, manifest: Mapping[str, Any]) -> Explanations:
        """Begin a run in a folder, or continue the one that it holds.

        Raises
        ------
        ArtifactError
            If the folder holds something else, or another run.
        """
        if (folder / MANIFEST).exists():
            found = cls.open(folder)
            _require_same(folder, found.manifest, json.loads(json.dumps(manifest)))
            return found
        _require_empty(folder)
        said = signed({"format": FORMAT, "format_version": FORMAT_VERSION, **manifest})
        files.write(folder / MANIFEST, f"{json.dumps(said, indent=2, ensure_ascii=False)}\n".encode())
        return cls.open(folder)

    def __repr__(self) -> str:
        done = len(self.numbers) - len(self.missing)
        return f"Explanations({str(self.folder)!r}: {self.manifest['method']}, {done} of {len(self.numbers)} shards)"

    def __len__(self) -> int:
        return int(self.manifest["pictures"]["count"])

    # --- shards --------------------------------------------------------------------------------------------------

    @property
    def numbers(self) -> range:
        """Numbers of all shards."""
        return range(math.ceil(len(self) / self.manifest["shard"]))

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that are not written yet."""
        return [number for number in self.numbers if not self.path(number).exists()]

    def path(self, number: int) -> Path:
        """The file of a shard."""
        return self.folder / f"shard-{number:05}.parquet"

    def rows_of(self, number: int) -> range:
        """The pictures of a shard, by their numbers in the data set."""
        size = self.manifest["shard"]
        return range(number * size, min((number + 1) * size, len(self)))

    def write(self, number: int, records: Sequence[Mapping[str, Any]]) -> None:
        """Write a shard, with a row for each of its pictures."""
        table = needed("pyarrow").Table.from_pylist(list(records), schema=self.schema)
        file = io.BytesIO()
        needed("pyarrow.parquet").write_table(table, file, compression="zstd")
        files.write(self.path(number), file.getvalue())

    @cached_property
    def schema(self) -> Any:
        """Columns and their types, which Hugging Face's ``datasets`` understands, pictures included."""
        datasets = needed("datasets")
        word, whole, real = (datasets.Value(kind) for kind in ("string", "int64", "float32"))
        kinds = {"index": whole, "id": word, "failed": word, "label": whole, "label_name": word}
        kinds |= {"prediction": whole, "prediction_name": word, "target": whole, "target_name": word}
        common = ("probability", "trust", "area", "place_row", "place_column")
        kinds |= dict.fromkeys((*common, *self.manifest["numbers"]), real)
        kinds |= dict.fromkeys(("evidence", "code"), datasets.List(real)) | dict.fromkeys(WIDE, datasets.Image())
        if self.manifest.get("places"):  # not of folders that were begun before there were any
            half, small = datasets.Value("float16"), datasets.Value("int8")
            lists = (datasets.List(datasets.List(half)), *[datasets.List(real)] * 2, datasets.List(small))
            kinds |= zip(PLACES, lists, strict=True)
        return datasets.Features(kinds).arrow_schema

    # --- contents ------------------------------------------------------------------------------------------------

    def table(self, columns: Sequence[str] | None = None) -> Any:
        """Columns of all shards that are written, as a pyarrow table; by default all but `WIDE` and `PLACES`.

        Raises
        ------
        ArtifactError
            If a file is damaged.
        """
        usual = [name for name in self.schema.names if name not in (*WIDE, *PLACES)]
        chosen = usual if columns is None else list(columns)
        parts = list(self.parts(chosen))
        return needed("pyarrow").concat_tables(parts) if parts else self.schema.empty_table().select(chosen)

    def parts(self, columns: Sequence[str]) -> Iterator[Any]:
        """Columns of each shard that is written, one after the other, as pyarrow tables; see `table`."""
        return (self._shard(number, columns) for number in self.numbers if self.path(number).exists())

    def rows(self, indices: Sequence[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Some pictures, by their numbers in the data set, with all columns or some; shards are read one by one."""
        found: dict[int, dict[str, Any]] = {}
        for number in sorted({index // self.manifest["shard"] for index in indices}):
            wanted = [index for index in indices if index in self.rows_of(number)]
            taken = self._shard(number, columns).take([index - self.rows_of(number).start for index in wanted])
            found |= zip(wanted, taken.to_pylist(), strict=True)
        return [found[index] for index in indices]

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Pictures that could not be read or explained, by id, with the reason."""
        rows = self.table(["id", "failed"]).to_pylist()
        return [(row["id"], row["failed"]) for row in rows if row["failed"] is not None]

    def _shard(self, number: int, columns: Sequence[str] | None) -> Any:
        try:
            return needed("pyarrow.parquet").read_table(self.path(number), columns=columns, partitioning=None)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{self.path(number)} cannot be read ({error}); delete it and run again") from error


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{folder} holds no explanations: it lacks {MANIFEST}; xw.explain_all writes them")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read ({error}); choose another folder") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise ArtifactError(f"{path} was not written by xai_widgets; choose another folder")
    require_signed(path, said)
    if said["format_version"] > FORMAT_VERSION:
        raise ArtifactError(f"{path} has format version {said['format_version']}; upgrade xai_widgets to read it")
    return said


def _require_same(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    for name, said in IDENTITY.items():
        if there.get(name) != here[name]:
            raise ArtifactError(
                f"{folder} holds explanations {said} ({name}: {_short(there.get(name))} there, {_short(here[name])} "
                "here); choose another folder, or delete this one to begin again"
            )


def _require_empty(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; give the name of a folder")
    if folder.is_dir() and (found := sorted(one.name for one in folder.iterdir() if one.name != LISTING)):
        raise ArtifactError(f"{folder} holds something else (such as {found[0]}); choose a new or an empty folder")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
