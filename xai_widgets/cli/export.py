"""``xai-widgets export``: views of a study as one offline page, or a gallery of them as a small static site."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_widgets import files
from xai_widgets.cli.terminal import number, require_file, require_folder, say
from xai_widgets.cli.typed import path
from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.limits import SEED
from xai_widgets.names import closest

if TYPE_CHECKING:
    from xai_widgets.progress import Progress
    from xai_widgets.study import Study
    from xai_widgets.widgets.frame.explorer import Explorer

HONEST, CHEATING, RUN = "honest", "cheating", "run"
"""Short names of studies; they become parts of the names of files."""

TITLE = "What has the classifier learned?"
TWO_CLASSIFIERS = (
    "Two classifiers of drawn birds: one looks at the birds, the other has learned to look at a ring in the corner. "
    "Which answers show it? Open a card to explore."
)
"""Of a gallery."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("export", help="write views to one page that works offline, or to a static site")
    parser.set_defaults(run=export)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=path, metavar="FILE", help="write all views to this one file, in tabs")
    target.add_argument("--gallery", type=path, metavar="DIR", help="write a static site with a page for each view")
    parser.add_argument("--views", help="some of them, such as cladec,cae (default: all five)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--cheat", action="store_true", help="show the demo's cheating classifier")
    source.add_argument("--both", action="store_true", help="show the demo's two classifiers (a gallery's default)")
    source.add_argument("--run", dest="folder", type=path, metavar="DIR", help="show a run instead of the demo")
    parser.add_argument("--model", metavar="SPEC", help="the run's classifier, as for fit, unless it is torchvision's")
    parser.add_argument("--weights", metavar="FILE", help="its weights, as for fit")
    parser.add_argument("--seed", type=number(SEED), default=0, help="for fits and searches (default: 0)")


def export(given: argparse.Namespace) -> None:
    """Run the command."""
    from xai_widgets.progress import bar  # noqa: PLC0415

    names = _names(given.views)
    _require_usable(given)
    with bar() as progress, ExitStack() as opened:
        studies = _studies(given, names, progress)
        write = _write_page if given.out else _write_gallery
        written = write(given, names, studies, opened, progress)
    say(f"Wrote {written} ({_size(written if given.out else written.parent)})")


# --- what is asked -------------------------------------------------------------------------------------------------


def _names(views: str | None) -> list[str]:
    """Views in the order of their tabs, each once."""
    from xai_widgets.widgets.workbench.catalogue import VIEWS  # noqa: PLC0415

    requested = list(VIEWS) if views is None else [closest(key.strip(), VIEWS, "view") for key in views.split(",")]
    return [key for key in VIEWS if key in requested]


def _require_usable(given: argparse.Namespace) -> None:
    """Find out before minutes of work, not after, whether a file or folder can be there."""
    if given.folder is None and (given.model or given.weights):
        raise XaiWidgetsError("--model and --weights belong to a run; name its folder with --run")
    if given.out is not None:
        require_file(given.out, "--out")
    else:
        require_folder(given.gallery, "--gallery")


def _studies(given: argparse.Namespace, names: Sequence[str], progress: Progress) -> dict[str, Study]:
    """What is to be shown, by short name."""
    if given.folder is not None:
        return {RUN: _run(given)}
    both = given.both or (given.gallery is not None and not given.cheat)
    chosen = [HONEST, CHEATING] if both else [CHEATING if given.cheat else HONEST]
    return {name: _demo(name == CHEATING, names, given.seed, progress) for name in chosen}


def _demo(cheat: bool, names: Sequence[str], seed: int, progress: Progress) -> Study:
    """A demo's study; x-features that are not shipped are fitted here."""
    from xai_widgets.demos import demo  # noqa: PLC0415
    from xai_widgets.methods.srae.srae import SRAE  # noqa: PLC0415

    study = demo(cheat=cheat)
    if "srae" in names and "srae" not in study.explainers:
        with warnings.catch_warnings():
            # The page's line of numbers says the same.
            warnings.simplefilter("ignore", UserWarning)
            study.explainers["srae"] = SRAE(study, seed=seed).fit(progress=progress)
    return study


def _run(given: argparse.Namespace) -> Study:
    from xai_widgets.cli.models import model_of_run  # noqa: PLC0415
    from xai_widgets.runs.keeping import open_run  # noqa: PLC0415

    return open_run(given.folder, model=model_of_run(given.folder, given.model, given.weights))


# --- what is written -----------------------------------------------------------------------------------------------


def _write_page(
    given: argparse.Namespace, names: Sequence[str], studies: Mapping[str, Study], opened: ExitStack, progress: Progress
) -> Path:
    from xai_widgets.widgets.workbench.page import workbench_page  # noqa: PLC0415

    each = list(studies.values())
    apps = {name: _prepared(name, each, given.seed, opened, progress) for name in names}
    title = " and ".join(study.name for study in each)
    made = {name: some for name, some in apps.items() if some}
    page = workbench_page(title, each, made, progress=progress).html()
    return files.write(given.out, page.encode())


def _write_gallery(
    given: argparse.Namespace, names: Sequence[str], studies: Mapping[str, Study], opened: ExitStack, progress: Progress
) -> Path:
    from xai_widgets.widgets.workbench.site import Exhibit, write_gallery  # noqa: PLC0415

    exhibits = [
        Exhibit(name, short, app)
        for name in names
        for short, study in studies.items()
        for app in _prepared(name, [study], given.seed, opened, progress)
    ]
    called = {short: study.name for short, study in studies.items()}
    sentence = TWO_CLASSIFIERS if CHEATING in called and HONEST in called else "Open a card to explore the answer."
    return write_gallery(given.gallery, TITLE, sentence, called, exhibits, progress=progress)


def _prepared(name: str, studies: Sequence[Study], seed: int, opened: ExitStack, progress: Progress) -> list[Explorer]:
    """The explorers of a view, to be closed when all is written; none where the classifier does not allow the view."""
    from xai_widgets.widgets.workbench.catalogue import VIEWS  # noqa: PLC0415

    try:
        apps = VIEWS[name].prepared(studies, seed=seed, progress=progress)
    except LayerError as error:
        say(f"Left out {name}: {error}")
        return []
    for app in apps:
        opened.callback(app.close)
    return apps


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
