"""Several processes give the same files as one; one that is killed loses its unfinished shard only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import xai_widgets
from xai_widgets.scale.folder import Explanations

HERE = Path(__file__).parent
ALONE = {name: value for name, value in os.environ.items() if not name.startswith(("RANK", "WORLD", "LOCAL", "MASTER"))}
ENVIRONMENT = ALONE | {
    "PYTHONPATH": str(Path(xai_widgets.__file__).parents[1]),
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def shards(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def call(*line):
    return subprocess.run(
        [sys.executable, *map(str, line)], env=ENVIRONMENT, check=False, capture_output=True, text=True
    )


def test_two_processes_give_the_same_bytes_as_one(whole, tmp_path):
    two = (
        "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 --mixed_precision no --dynamo_backend no"
    )
    ended = call("-m", "accelerate.commands.launch", *two.split(), HERE / "small.py", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert shards(tmp_path / "out") == shards(whole.folder)


def test_after_a_kill_only_missing_shards_are_made(whole, small, tmp_path):
    ended = call(HERE / "small.py", tmp_path / "out", 16)  # in the middle of the third shard
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    begun = Explanations.open(tmp_path / "out")
    assert begun.missing == [2, 3]
    before = {number: begun.path(number).stat().st_mtime_ns for number in (0, 1)}
    found = small.run(tmp_path / "out")
    assert not found.missing
    assert shards(found.folder) == shards(whole.folder)
    assert before == {number: begun.path(number).stat().st_mtime_ns for number in (0, 1)}
