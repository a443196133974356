"""Whoever is killed while fitting, saving or exporting leaves the old files or the new ones, and can go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_me.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_old_files_or_new_ones(tmp_path):
    environment = os.environ | {"PYTHONPATH": f"{SCRIPT.parents[1]}", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, SCRIPT, tmp_path], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[0]) > 500  # lines that write files or decide what is written
