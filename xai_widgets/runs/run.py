"""A run's folder: its ``run.json``, which describes the study, and the files of its explainers."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from xai_widgets import artifact, files, limits
from xai_widgets._version import __version__
from xai_widgets.digest import require_signed, signed
from xai_widgets.errors import ArtifactError, XaiWidgetsError
from xai_widgets.limits import Choice, Of, OrNone, Several, Whole
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.probabilities import SCORES
from xai_widgets.runs import sources
from xai_widgets.study import Study

FORMAT, FORMAT_VERSION = "xai_widgets run", 1
DESCRIPTION = "run.json"

AGAIN = "copy it again, or keep the study in another folder"


@dataclass(frozen=True)
class Run:
    """A folder, and the contents of its ``run.json``.

    Attributes
    ----------
    folder
        Where it is.
    name, class_names, labels, mean, std, batch_size, seed
        Those of the study; `labels` as pairs.
    scores
        How its logits become probabilities; empty where an older version has not said it.
    shape
        Of its pictures, ``(C, H, W)``.
    fingerprint
        Of its classifier; see `Study.fingerprint`.
    images, test
        Where the pictures come from (see `sources.described`); `test` is None if unseen ones were set aside.
    model, weights
        The command line's ``--model`` and ``--weights``; empty if they are not known.
    """

    folder: Path
    name: str
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch_size: int
    seed: int
    shape: tuple[int, ...]
    fingerprint: str
    images: dict[str, Any]
    test: dict[str, Any] | None
    model: str = ""
    weights: str = ""
    labels: tuple[tuple[str | int, int], ...] = ()
    scores: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no study can have: a file may be damaged, or somebody else's."""
        limits.settle(
            self,
            class_names=Several(Of((str,))),
            mean=Several(limits.MEAN),
            std=Several(limits.STD),
            batch_size=limits.BATCH,
            seed=limits.SEED,
            shape=Several(Whole(1, sources.LARGEST_SIDE), (3,)),
            **dict.fromkeys(("name", "fingerprint", "model", "weights"), Of((str,))),
            labels=Several(Several(_plain, (2,))),
            images=sources.bounded,
            test=OrNone(sources.bounded),
            scores=Choice(("", *SCORES)),
        )

    @classmethod
    def of(cls, study: Study, folder: Path, model: str = "", weights: str = "") -> Run:
        """The run of a study; nothing is written yet."""
        images, test, seed = study.sources
        return cls(
            folder=folder,
            name=study.name,
            class_names=study.class_names,
            mean=tuple(study.mean.flatten().tolist()),
            std=tuple(study.std.flatten().tolist()),
            batch_size=study.batch_size,
            seed=seed,
            shape=study.shape,
            fingerprint=study.fingerprint,
            images=sources.described(images, folder),
            test=None if test is None else sources.described(test, folder),
            model=model,
            weights=weights,
            labels=tuple(study.labels.items()),
            scores=study.scores.name,
        )

    @classmethod
    def read(cls, folder: str | Path) -> Run:
        """Read the description in a folder.

        Raises
        ------
        ArtifactError
            If it holds no run, or its description is damaged, foreign or newer.
        """
        path = limits.path_like("folder", folder).resolve()
        said = {"labels": (), "scores": ""} | _parsed(path)  # which once were not written
        try:
            return cls(folder=path, **{name: said[name] for name in _WRITTEN})
        except (KeyError, XaiWidgetsError) as error:
            raise ArtifactError(f"{path / DESCRIPTION} is damaged ({error}); {AGAIN}") from error

    def write(self) -> None:
        """Write ``run.json``."""
        values = {name: getattr(self, name) for name in _WRITTEN}
        head = {"format": FORMAT, "format_version": FORMAT_VERSION, "provenance": artifact.provenance()}
        text = json.dumps(signed(head | values), indent=2, ensure_ascii=False)
        # Bytes of a path that are no characters become JSON's escapes.
        files.write(self.folder / DESCRIPTION, f"{text}\n".encode("utf-8", "backslashreplace"))

    def save(self, key: str, explainer: Explainer) -> None:
        """Write an explainer's file, unless nothing is fitted."""
        with self._lock:  # the last call writes the latest state
            if not explainer.fitted:
                return
            if explainer.study.fingerprint != self.fingerprint:
                raise ArtifactError(
                    f"{self.folder} holds fits of a model that has changed since; restore its weights, or make "
                    "a study of the changed model and keep that in another folder"
                )
            explainer.save(self.folder / quote(key, safe=" "))

    def load(self, study: Study) -> dict[str, Any]:
        """All explainers in the folder, by key.

        Raises
        ------
        ArtifactError
            If one of them cannot be used; the message names all of those.
        """
        found, problems = {}, []
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                kind, key = artifact.kind_of(path), unquote(path.stem)
                # A file that is no explainer's by its contents, but by its name, is damaged.
                method = kind if kind in EXPLAINERS else key.partition("-")[0]
                if method in EXPLAINERS:
                    found[key] = EXPLAINERS[str(method)].load(path, study)
            except XaiWidgetsError as error:
                problems.append(str(error))
        if problems:
            raise ArtifactError(f"{'; '.join(problems)}. To open the rest, remove the file from the folder")
        return found


_WRITTEN = tuple(one.name for one in fields(Run) if one.name not in ("folder", "_lock"))
"""What ``run.json`` says."""


def _plain(name: str, value: object) -> Any:
    """A string or a whole number; a rule of `limits`."""
    return value if isinstance(value, str) else Whole()(name, value)


def _parsed(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ArtifactError(f"{folder} holds no run: it lacks {DESCRIPTION}; xw.keep_in(study, folder) begins one")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: it is truncated or damaged ({error}); {AGAIN}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT or not isinstance(said.get("format_version"), int):
        raise ArtifactError(f"{path} was not written by xai_widgets; choose another folder")
    if said["format_version"] > FORMAT_VERSION:
        raise ArtifactError(
            f"{path} has format version {said['format_version']}, and this xai_widgets {__version__} reads up to "
            f"{FORMAT_VERSION}; upgrade xai_widgets"
        )
    require_signed(path, said)
    return said
