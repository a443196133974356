"""The command line: what it accepts, where it writes, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from xai_widgets._version import __version__
from xai_widgets.cli import lab
from xai_widgets.cli import main as cli
from xai_widgets.cli.exam import MOST_BASELINES, table
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.scores.exam import EXAMS
from xai_widgets.scores.measure import Exam, Measure

REPOSITORY = Path(__file__).parents[2]
START_COMMAND = 'pip install ".[lab]" && xai-widgets lab'
TEST_COMMAND = 'pip install -e ".[test]" && pytest'


class StubStudy:
    """All that an exam's frame needs."""

    def __init__(self, *, cheat=False):
        self.name = "cheating" if cheat else "honest"


def stub_method(study, seed, progress):
    progress.start("judging", 2)
    progress.advance()
    progress.advance()
    return {
        "gain.block4": Measure(0.12345, "higher", 0.0, {"reference": 0.5}),
        "broken": Measure(float("nan"), "lower"),
        "seed": Measure(float(seed), "lower", None),
    }


@pytest.fixture
def exam(monkeypatch):
    """An exam of a stub, on a stub."""
    monkeypatch.setattr(import_module("xai_widgets.demos"), "demo", StubStudy)
    EXAMS.add("stub", stub_method)
    yield
    EXAMS.remove("stub")


@pytest.fixture
def failing(monkeypatch):
    """Make every command fail at its beginning."""

    def arm(error):
        def application():
            raise error

        monkeypatch.setattr(lab, "lab_application", application)

    return arm


# --- parsing and exit statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["exam"], ["exam", "--method", "stub", "--seed", "x"], ["lab", "--port", "0"],
     ["lab", "--port", "65536"], ["lab", "--port", "x"], ["train-demo", "here"]],
)  # fmt: skip
def test_wrong_arguments_end_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: xai-widgets")


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"xai-widgets {__version__}\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (XaiWidgetsError("two\n  lines"), 2, "xai-widgets lab: two lines\n"),
        (PermissionError(13, "Denied", "weights"), 2, "xai-widgets lab: [Errno 13] Denied: 'weights'\n"),
        (KeyboardInterrupt(), 130, "xai-widgets lab: interrupted\n"),
    ],
)
def test_errors_are_one_line_and_a_status(failing, capsys, error, status, said):
    failing(error)
    assert cli.main(["lab"]) == status
    assert capsys.readouterr() == ("", said)


def test_bugs_keep_their_traceback(failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["lab"])


@pytest.mark.parametrize("arguments", [["--version"], ["lab", "--help"]])
def test_starts_without_torch_and_without_widgets(arguments):
    code = (
        "import sys; from xai_widgets.cli import main as cli\n"
        f"try: cli.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "sys.exit(sorted({'torch', 'numpy', 'ipywidgets', 'jupyterlab'} & set(sys.modules)) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


# --- lab -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch):
    """What JupyterLab was asked to open, without opening it."""
    asked = []
    monkeypatch.setattr(lab, "lab_application", lambda: None)
    monkeypatch.setattr(lab, "open_lab", lambda folder, **options: asked.append((folder, options)))
    return asked


def test_lab_copies_and_opens(opened, tmp_path, capsys):
    assert cli.main(["lab", "--dir", str(tmp_path), "--no-browser", "--port", "8123"]) == 0
    assert opened == [(tmp_path, {"browser": False, "port": 8123})]
    assert (tmp_path / "notebooks" / lab.FIRST).is_file()
    said = capsys.readouterr()
    assert said.out == ""
    assert lab.FIRST in said.err
    assert cli.main(["lab", "--dir", str(tmp_path)]) == 0  # again, with nothing left to say
    assert capsys.readouterr() == ("", "")
    assert opened[-1] == (tmp_path, {"browser": True, "port": None})


def test_lab_says_which_lessons_it_left_alone(opened, tmp_path, capsys):
    own = tmp_path / "notebooks" / lab.FIRST
    own.parent.mkdir()
    own.write_text("mine")
    assert cli.main(["lab", "--dir", str(tmp_path)]) == 0
    assert f"Kept your own version in {own.parent}: {lab.FIRST}" in capsys.readouterr().err
    assert own.read_text() == "mine"


# --- train-demo ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False])
def test_train_demo_passes_on_what_was_asked(named, tmp_path, monkeypatch, capsys):
    demo, asked = import_module("xai_widgets.demos"), []
    monkeypatch.setattr(demo, "WEIGHTS", tmp_path / "inside")

    def train_demo(folder, *, only, seed, progress):
        progress.start("training", 1)
        progress.advance()
        asked.append((folder, only, seed))

    monkeypatch.setattr(demo, "train_demo", train_demo)
    given = ["--out", str(tmp_path / "out"), "--only", "honest-cae", "digits-cae"] if named else []
    assert cli.main(["train-demo", "--seed", "7", *given]) == 0
    assert asked == [(tmp_path / "out", ["honest-cae", "digits-cae"], 7) if named else (tmp_path / "inside", (), 7)]
    said = capsys.readouterr()
    assert said.out == ""
    assert "training" in said.err


# --- exam ----------------------------------------------------------------------------------------------------------


def test_exam_prints_a_table(exam, capsys):
    assert cli.main(["exam", "--method", "stub", "--seed", "3"]) == 0
    said = capsys.readouterr()
    title, _, head, first, *_ = said.out.splitlines()
    assert re.fullmatch(r"stub on honest, seed 3, [\d.]+ s", title)
    assert head.split() == ["measure", "value", "better", "chance", "baselines"]
    assert first.split() == ["gain.block4", "0.123", "higher", "0", "reference", "0.5"]
    assert "judging" in said.err


def test_a_table_names_no_more_baselines_than_one_reads():
    many = Measure(0.5, "higher", 0.0, {f"rival {i}": float(i) for i in range(MOST_BASELINES + 3)})
    line = table(Exam("stub", "honest", 0, 1.0, {"gain": many})).splitlines()[-1]
    assert line.endswith(f"rival {MOST_BASELINES - 1} {MOST_BASELINES - 1}, 3 more with --json")


def test_exam_writes_json_where_asked(exam, capsys, tmp_path):
    assert cli.main(["exam", "--method", "stub", "--cheat", "--seed", "3", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (found["method"], found["study"], found["seed"]) == ("stub", "cheating", 3)
    assert found["measures"]["gain.block4"]["baselines"] == {"reference": 0.5}
    assert found["measures"]["broken"]["value"] is None
    target = tmp_path / "new" / "exam.json"
    assert cli.main(["exam", "--method", "stub", "--json", str(target)]) == 0
    assert set(json.loads(target.read_text())["measures"]) == {"gain.block4", "broken", "seed"}
    assert capsys.readouterr().out.startswith("stub on honest")


def test_what_exam_cannot_do_is_said_before_the_work(exam, tmp_path, capsys):
    EXAMS.add("stub", lambda *_: pytest.fail("the work was begun"))
    assert cli.main(["exam", "--method", "stub", "--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert cli.main(["exam", "--method", "tarot"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("xai-widgets exam: there is no exam 'tarot'; known are 'cladec'")


# --- what the README promises --------------------------------------------------------------------------------------


def command_lines():
    blocks = re.findall(r"```(?:bash|console|sh)\n(.*?)```", (REPOSITORY / "README.md").read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("command", [START_COMMAND, TEST_COMMAND])
def test_readme_has_each_command_once(command):
    assert command_lines().count(command) == 1


def test_ci_takes_the_test_command_from_the_readme():
    script = (REPOSITORY / ".ci" / "run").read_text("utf-8")
    pattern = re.search(r"^readme_line='(.+)'$", script, re.MULTILINE)
    assert pattern is not None
    taken = [line for line in (REPOSITORY / "README.md").read_text("utf-8").splitlines() if re.match(pattern[1], line)]
    assert taken == [TEST_COMMAND]


def test_every_command_in_the_readme_is_one_of_ours():
    ours = [line.split()[1] for line in command_lines() if line.startswith("xai-widgets ")]
    assert set(ours) <= {"lab", "train-demo", "exam", "fit", "export", "doctor", "--version"}
