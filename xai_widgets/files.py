"""Files are written under a temporary name, flushed to disk and renamed.

So a file is always whole under its own name: a reader sees the old file or the new one, even if the writer is killed.
Temporary names tell who writes, so that nobody takes away what another process has half written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from xai_widgets.errors import ArtifactError

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_OLD_SECONDS = 24 * 3600


def write(target: Path, content: bytes, write_new: Callable[[Path, bytes], object] | None = None) -> Path:
    """Write a file, atomically, and its folders; an ArtifactError leaves one that was there untouched.

    `write_new` writes the temporary file, if another way than the usual one is wanted.
    """
    temporary = target.with_name(f".{target.name}.{_HOST}.{os.getpid()}.{uuid.uuid4().hex}.tmp")
    try:
        _in_its_folder(temporary, content, write_new or _write)
        temporary.replace(target)
        _flush_folder(target.parent)
        _sweep(target)
    except OSError as error:
        raise ArtifactError(
            f"{target} cannot be written ({error}); check the folder's permissions and free space, or save elsewhere"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


def remove(target: Path) -> None:
    """Delete a file, if there is one, and what killed writers of it left behind."""
    target.unlink(missing_ok=True)
    _sweep(target)


def _in_its_folder(temporary: Path, content: bytes, write_new: Callable[[Path, bytes], object]) -> None:
    """Write in a folder that is made; also if another process just took the empty folder away."""
    for last in (False, True):
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_new(temporary, content)
        except FileNotFoundError:
            if last:
                raise
        else:
            return


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sweep(target: Path) -> None:
    """Delete what killed writers of a file left behind."""
    with contextlib.suppress(OSError):  # another process may take files or the folder away
        for left in target.parent.iterdir():
            if left.name.startswith(f".{target.name}.") and left.suffix == ".tmp" and _abandoned(left):
                left.unlink(missing_ok=True)


def _abandoned(temporary: Path) -> bool:
    """Whether nobody will finish a temporary file: its process is gone or, where that is not known, it is old."""
    host, pid = temporary.name.split(".")[-4:-2] if temporary.name.count(".") > 4 else ("", "")
    if host == _HOST and pid.isdecimal() and os.name == "posix":
        return not _running(int(pid))
    return time.time() - temporary.stat().st_mtime > _OLD_SECONDS


def _running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _flush_folder(folder: Path) -> None:
    """Make a rename durable; where folders cannot be opened (Windows) there is nothing to do."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
