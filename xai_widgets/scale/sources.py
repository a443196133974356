"""Where the pictures of a data set come from, as people type it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from xai_widgets.data.decode import CROP
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.inputs import of_channels
from xai_widgets.pictures import PictureSet
from xai_widgets.relabelling import Labeller
from xai_widgets.scale.extra import needed
from xai_widgets.scale.listing import ListedFolder
from xai_widgets.scale.table import Stream, TablePictures
from xai_widgets.study import Study

HUB, STREAM = "hf:", "stream:"
"""Begin the name of a data set of Hugging Face: ``hf:NAME``, ``hf:NAME:CONFIG``, ``hf:NAME@SPLIT``; or of one that is
read without being kept on disk."""

TABLES = {".csv": "csv", ".parquet": "parquet", ".tar": "webdataset"}
"""By the ends of their files, the readers of ``datasets``."""


def source(text: str | Path, study: Study, cache: Path | None = None) -> PictureSet:
    """The pictures of a source, of the shape of a study, with labels that are numbers of its classes.

    Parameters
    ----------
    text
        A folder of pictures; ``hf:NAME``, a data set of the Hugging Face hub or a folder of one, or ``stream:NAME`` for
        one that is not to be kept on disk; a ``.csv`` or ``.parquet`` file with the columns path and label; a ``.tar``
        file of WebDataset, or a pattern for several.
    study
        Decides size and classes.
    cache
        A folder that keeps the listing of a folder of pictures.

    Raises
    ------
    PictureError
        If there are no pictures, or the source cannot be read.
    """
    size, fit = study.shape[1:], getattr(study.sources.images, "fit", CROP)
    if str(text).startswith((HUB, STREAM)):
        made = _hub(str(text), size, fit)
    else:
        made = _files(Path(text).expanduser(), size, fit, cache)
    labelled: PictureSet = Labeller(study.class_names, _known_labels(study, made)).take(made)
    return labelled if study.shape[0] == 3 else _Channels(labelled, study.shape[0])


class _Channels:
    """Pictures with as many channels as those of a study."""

    def __init__(self, pictures: Any, channels: int) -> None:
        self._pictures, self._channels = pictures, channels

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture, label = self._pictures[index]
        return of_channels(picture[None], self._channels)[0], label

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_pictures":
            raise AttributeError(name)
        return getattr(self._pictures, name)


def _known_labels(study: Study, pictures: Any) -> dict[str | int, int]:
    """What the study says of the classes that these pictures have, too."""
    names = set(pictures.class_names)
    return {key: number for key, number in study.labels.items() if not names or key in names}


def _files(path: Path, size: Any, fit: str, cache: Path | None) -> Any:
    if kind := TABLES.get(path.suffix.lower()):
        return TablePictures(_loaded(kind, data_files=str(path), split="train"), size, fit, path.parent)
    return ListedFolder(path, size, fit, cache)


def _hub(text: str, size: Any, fit: str) -> Any:
    name, _, split = text.removeprefix(HUB).removeprefix(STREAM).partition("@")
    name, _, config = name.partition(":")
    if text.startswith(STREAM):
        found = _loaded(name, *([config] if config else []), streaming=True)
        return TablePictures(_stream(_split(found, split, name)), size, fit)
    if (Path(name) / "dataset_info.json").exists() or (Path(name) / "dataset_dict.json").exists():
        found = needed("datasets").load_from_disk(name)
    else:
        found = _loaded(name, *([config] if config else []))
    return TablePictures(_split(found, split, name), size, fit, Path(name))


def _stream(rows: Any) -> Stream:
    known = (rows.info.splits or {}).get(str(rows.split))
    if known is None or not known.num_examples or rows.features is None:
        raise PictureError("this data set does not tell its columns and how many pictures it has; use hf: instead")
    return Stream(rows, known.num_examples)


def _split(found: Any, split: str, name: str) -> Any:
    if not isinstance(found, dict):
        return found
    if split not in found and (split or len(found) > 1):
        raise PictureError(
            f"{HUB}{name} has the splits {', '.join(found)}; give one, such as {HUB}{name}@{next(iter(found))}"
        )
    return found[split] if split else next(iter(found.values()))


def _loaded(*what: str, **options: Any) -> Any:
    datasets = needed("datasets")
    try:
        return datasets.load_dataset(*what, **options)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        said = " ".join(str(error).split())
        raise XaiWidgetsError(f"{options.get('data_files', what[0])} cannot be opened with datasets: {said}") from error
