"""Files are written under a temporary name, flushed to disk and renamed.

So a file is always whole under its own name: a reader sees the old file or the new one, whatever happens to the writer.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

from xai_widgets.errors import ArtifactError


def write(target: Path, content: bytes) -> Path:
    """Write a file, atomically; folders are created.

    Raises
    ------
    ArtifactError
        If the file cannot be written; one that was there before is then untouched.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(temporary, content)
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise ArtifactError(
            f"{target} cannot be written ({error}); check the folder's permissions and free space, or save elsewhere"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; where folders cannot be opened (Windows) there is nothing to do."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
