"""A table of explanations as a data set of FiftyOne, on disk; FiftyOne itself is not needed to write it.

``metadata.json`` names the data set, ``samples.json`` has an entry for each picture, ``data`` the pictures, and
``fields/evidence`` the masks: FiftyOne takes paths of a field in ``fields`` to be relative to the folder. Without a
``version``, ``fiftyone.types.FiftyOneDataset`` takes the names and types of the fields from the entries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xai_widgets.errors import ArtifactError
from xai_widgets.limits import path_like
from xai_widgets.scale.folder import Explanations

EVIDENCE = "fields/evidence"
"""Where the masks are."""


def to_fiftyone(out: str | Path | Explanations, folder: str | Path, pictures: str | Path | None = None) -> int:
    """Write explanations as a data set of FiftyOne, which shows the masks as heat maps over the pictures.

    Parameters
    ----------
    out
        The folder of `explain_all`, or what it returned; it need not be finished.
    folder
        A new one; FiftyOne opens it as ``fiftyone.types.FiftyOneDataset``.
    pictures
        The folder that the pictures were read from, for FiftyOne to show them; default their thumbnails.

    Returns
    -------
    int
        How many pictures the data set has: all that could be explained.

    Raises
    ------
    ArtifactError
        If the folder is not new, there is no folder of pictures, or a file of the explanations is damaged.
    """
    found = out if isinstance(out, Explanations) else Explanations.open(out)
    target, root = path_like("folder", folder), None if pictures is None else path_like("pictures", pictures).resolve()
    require_new(target)
    if root is not None and not root.is_dir():
        raise ArtifactError(f"there is no folder {root}; give the one that the pictures were read from")
    for part in ("data", EVIDENCE):
        (target / part).mkdir(parents=True)
    count = 0
    # Entry by entry: that of a million pictures is a gigabyte.
    with (target / "samples.json").open("w", encoding="utf-8") as file:
        file.write('{"samples": [')
        for entry in _samples(found, target, root):
            file.write(f"{',' * (count > 0)}\n{json.dumps(entry, ensure_ascii=False)}")
            count += 1
        file.write("\n]}\n")
    said = {key: found.manifest[key] for key in ("method", "model", "class_names", "problems")}
    about = {"name": found.manifest["name"], "media_type": "image", "info": said}
    (target / "metadata.json").write_text(f"{json.dumps(about, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
    return count


def require_new(folder: Path) -> None:
    """Refuse a folder that there is already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtifactError(f"{folder} exists already; give the name of a new folder")


def _samples(found: Explanations, target: Path, root: Path | None) -> Iterator[dict[str, Any]]:
    """The entries of all pictures that could be explained, whose files are written on the way."""
    for number in found.numbers:
        if found.path(number).exists():
            for row in found.rows(found.rows_of(number)):
                if row["failed"] is None:
                    yield _sample(row, found.manifest["numbers"], target, root)


def _sample(row: dict[str, Any], numbers: list[str], target: Path, root: Path | None) -> dict[str, Any]:
    name = f"{row['index']:07}.png"
    (target / EVIDENCE / name).write_bytes(row["mask"]["bytes"])
    if root is None:
        (target / "data" / name).write_bytes(row["thumbnail"]["bytes"])
    classes = {"prediction": (row["prediction_name"], row["probability"]), "target": (row["target_name"], None)}
    if row["label_name"] is not None:
        classes["ground_truth"] = (row["label_name"], None)
    heat = {"_cls": "Heatmap", "tags": [], "map_path": f"{EVIDENCE}/{name}", "range": [0, 255]}
    measured = ("trust", "area", "place_row", "place_column", *numbers)
    return {
        "filepath": f"data/{name}" if root is None else str(root / row["id"]),
        "tags": [],
        "metadata": None,
        "_media_type": "image",
        "picture": row["id"],
        **{field: _class(*said) for field, said in classes.items()},
        **{field: row[field] for field in measured},
        "evidence": heat,
    }


def _class(label: str, confidence: float | None) -> dict[str, Any]:
    return {"_cls": "Classification", "tags": [], "label": label, "confidence": confidence}
