"""Two processes that fit together end where one alone does; one that fails takes the other with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.loading import module_at
from xai_widgets import artifact

HERE = Path(__file__).parent
LOSS = 1e-3
"""Largest relative difference of the losses of two processes and one."""

DRIFTING = ("bias", "running_mean")
"""Before batch normalisation, a bias has no gradient but rounding errors, which Adam makes as large as any other."""


def two(environment, *more):
    """Run the script in two processes."""
    line = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, HERE / "fits.py", *more]
    return subprocess.run(
        [sys.executable, *map(str, line)], env=environment, check=False, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """All fits in one process: their losses, and the folder with their files."""
    sys.path.insert(0, str(HERE))
    fits = module_at(HERE / "fits.py")
    sys.path.remove(str(HERE))
    out = tmp_path_factory.mktemp("alone") / "out"
    return fits.run(out), out


@pytest.fixture(scope="module")
def both(tmp_path_factory, launched):
    """The same in two."""
    out = tmp_path_factory.mktemp("both") / "out"
    ended = two(launched, out)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(Path(f"{out}-{number}.json").read_text()) for number in (0, 1)], out


@pytest.mark.parametrize("key", ["cladec", "crops", "srae", "cae"])
def test_two_processes_have_the_losses_and_weights_of_one(alone, both, key):
    (losses, out), (each, together) = alone, both
    assert each[0][key] == each[1][key]
    assert each[0][key].keys() == losses[key].keys()
    for task, one in losses[key].items():
        assert each[0][key][task] == pytest.approx(one, rel=LOSS), task
    ours, theirs = (artifact.load(folder / key, "cladec" if key == "crops" else key)[0] for folder in (out, together))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if not name.endswith(DRIFTING):
            largest = float(tensor.float().abs().max())
            assert torch.allclose(tensor.float(), theirs[name].float(), atol=0.01 * largest + 1e-6), name
    assert {path.name for path in together.iterdir()} == {path.name for path in out.iterdir()}


def test_the_end_of_one_process_is_the_end_of_all(launched, tmp_path):
    ended = two(launched, tmp_path / "out", "fail")
    assert ended.returncode != 0
    assert "the second process fails" in ended.stderr
    assert not list(tmp_path.glob("*.json"))
