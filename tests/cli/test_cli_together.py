"""``accelerate launch -m xai_widgets fit``: processes share a fit, the first one writes, and all stop together."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from xai_widgets.cli import main as cli

for name in ("accelerate", "datasets", "pyarrow"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')

TWO = "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 --dynamo_backend no --mixed_precision"
FIT = "-m xai_widgets fit cladec --model mymodels:make --images pictures --layer maps --out"

WATCH = """
import os, sys
def watch(event, args):
    rank, folder = os.environ.get("RANK"), os.environ.get("WATCHED")
    if rank and folder and event == "open" and "/mine" in str(args[0]) and set(str(args[1])) & set("wax+"):
        with open(os.path.join(folder, "written-" + rank), "a") as file:
            print(args[0], file=file)
sys.addaudithook(watch)
"""
"""Notes which process opens which file of the run for writing."""


def launch(given):
    return [sys.executable, "-m", "accelerate.commands.launch", *given.split()]


def test_processes_share_a_fit_and_the_first_one_writes(here, launched):
    (here / "sitecustomize.py").write_text(WATCH)
    environment = launched | {"WATCHED": str(here), "PYTHONPATH": f"{here}:{launched['PYTHONPATH']}"}
    for precision in ("no", "bf16"):
        line = launch(f"{TWO} {precision} {FIT} {here}/mine-{precision} --epochs 2")
        ended = subprocess.run(line, cwd=here, env=environment, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("Saved in ") == 1
        assert {path.name for path in (here / f"mine-{precision}").iterdir()} == {"run.json", "cladec.safetensors"}
    assert "run.json" in (here / "written-0").read_text()
    assert not (here / "written-1").exists()
    single, half = (load_file(here / f"mine-{name}" / "cladec.safetensors") for name in ("no", "bf16"))
    assert single.keys() == half.keys()
    assert any(not single[name].equal(half[name]) for name in single)  # computed in another precision


def test_a_precision_that_needs_more_is_refused(here, launched):
    ended = subprocess.run(
        launch(f"--cpu --num_processes 1 --num_machines 1 --dynamo_backend no --mixed_precision fp16 {FIT} mine"),
        cwd=here, env=launched, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "the precision 'fp16' cannot be trained in; give no or bf16" in ended.stderr
    assert not (here / "mine").exists()


def test_ctrl_c_stops_all_of_them_and_one_can_go_on(here, launched, capsys):
    with subprocess.Popen(
        launch(f"{TWO} no {FIT} mine --epochs 200"), cwd=here, env=launched, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        told = b""
        while not re.search(rb"ClaDec of maps.*epoch", told) and process.poll() is None:
            told += process.stderr.read1()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        told += process.communicate(timeout=90)[1]
    assert time.monotonic() - began < 60
    assert b"Stopped. The work so far is saved in mine" in told
    assert {path.name for path in (here / "mine").iterdir()} == {"run.json", "unfinished"}
    assert cli.main(shlex.split(FIT.removeprefix("-m xai_widgets") + " mine --epochs 200")) == 0
    first = re.search(r"ClaDec of maps: +\d+%\S* (\d+)/200", capsys.readouterr().err.replace("\r", "\n"))
    assert int(first[1]) > 0
    assert {path.name for path in (here / "mine").iterdir()} == {"run.json", "cladec.safetensors"}
