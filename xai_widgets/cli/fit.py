"""``xai-widgets fit``: fit an explainer for a model and a folder of pictures, and keep it in a run's folder."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_widgets.errors import CancelledError, PictureError, XaiWidgetsError

if TYPE_CHECKING:
    from xai_widgets.cli.models import Published
    from xai_widgets.pictures import PictureSet
    from xai_widgets.progress import Progress
    from xai_widgets.runs.run import Run
    from xai_widgets.study import Study

UNFINISHED = "unfinished"
"""Folder, within the run's, in which an interrupted fit finds its place again."""

AT_ONCE = 8
"""Pictures that are explained between two times of keeping what was found."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("fit", help="fit an explainer for a model of your own, and keep it in a folder")
    parser.set_defaults(run=fit)
    parser.add_argument("method", choices=sorted(FITS), help="which explainer")
    parser.add_argument(
        "--model", required=True, metavar="SPEC",
        help="the classifier: torchvision:NAME, or package.module:factory, looked for in the current folder too",
    )  # fmt: skip
    parser.add_argument(
        "--weights", metavar="FILE",
        help="its weights, a safetensors file; none for random ones (default: torchvision's, or the factory's)",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=Path, metavar="DIR",
        help="a folder with a sub-folder of pictures for each class (default: that of the run)",
    )  # fmt: skip
    parser.add_argument("--size", type=_size, help="of the pictures: 64, or HxW (default: that of the first one)")
    parser.add_argument("--mean", type=float, nargs="+", help="that the model wants pictures to be normalised with")
    parser.add_argument("--std", type=float, nargs="+", help="that the model wants pictures to be normalised with")
    parser.add_argument("--layer", nargs="+", action="extend", metavar="NAME", help="of the model, one or several")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the run's folder, new or begun")
    parser.add_argument("--epochs", type=int, help="of the training (default: the method's)")
    parser.add_argument("--seed", type=int, help="of the fit (default: 0)")
    parser.add_argument("--device", help="where to compute, such as cuda (default: where the model is)")
    parser.add_argument("--name", help="of the study, for titles (default: the model's)")


def fit(given: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    XaiWidgetsError
        If something that was asked for does not exist, or does not fit together.
    KeyboardInterrupt
        After Ctrl-C; what was finished, and the place in what was not, is kept.
    """
    from xai_widgets.progress import bar  # noqa: PLC0415

    _require_options(given)
    study = _study(given)
    with bar() as progress, _stoppable(progress):
        try:
            said = FITS[given.method](study, given, progress)
        except CancelledError as error:
            _say(f"Stopped. What was done is kept in {given.out}; the same command goes on from there.")
            raise KeyboardInterrupt from error
    _remove_if_empty(given.out / UNFINISHED)
    opening = f"xw.open({json.dumps(str(given.out))}, model=...)"
    sys.stdout.write("\n".join([*said, f"Kept in {given.out}; in Python: {opening}", ""]))


# --- what is asked -------------------------------------------------------------------------------------------------


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give 64, or 48x64 for height and width")
    return int(sides[0]), int(sides[-1])


def _require_options(given: argparse.Namespace) -> None:
    """Refuse what the method would ignore, before anything is loaded."""
    if given.epochs is not None and given.method in ("summaries", "inversion"):
        raise XaiWidgetsError(f"{given.method} are searched for, not trained; leave --epochs out")
    if given.layer and given.method == "cae":
        raise XaiWidgetsError("a CAE is of the whole classifier; leave --layer out")
    if given.method == "summaries" and len(given.layer or ()) > 1:
        raise XaiWidgetsError("summaries are told apart by one layer; give one --layer")
    for name, values in {"mean": given.mean, "std": given.std}.items():
        if values is not None and len(values) not in (1, 3):
            raise XaiWidgetsError(f"--{name} has {len(values)} values; give 1, or 3 for red, green and blue")
    if given.std is not None and min(given.std) <= 0:
        raise XaiWidgetsError(f"--std is {min(given.std):g}; it must be above 0")
    if given.out.exists() and not given.out.is_dir():
        raise XaiWidgetsError(f"{given.out} is a file; give --out the name of a folder")


def _study(given: argparse.Namespace) -> Study:
    """The study that is asked for, kept in the run's folder; what is not said is as in the run, if one was begun."""
    from xai_widgets.cli.models import load_model, published  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep_in, require_model  # noqa: PLC0415
    from xai_widgets.runs.run import DESCRIPTION, Run  # noqa: PLC0415
    from xai_widgets.study import Study  # noqa: PLC0415

    before = Run.read(given.out) if (given.out / DESCRIPTION).exists() else None
    images = _images(given, before)
    if before is not None and given.weights is None and given.model == before.model:
        given.weights = before.weights or None
    model = load_model(given.model, given.weights, len(getattr(images, "class_names", ())) or None)
    usual = published(given.model, given.weights)
    options = _options(given, before, usual)
    if before is not None:
        require_model(before, model)
    try:
        study = Study(_moved(model, given.device), images, **options)
    except PictureError as error:
        raise PictureError(f"{error}; --size sets how large the pictures are") from error
    _say_what_differs(study, usual)
    return keep_in(study, given.out, model=given.model, weights=_weights(given.weights))


def _images(given: argparse.Namespace, before: Run | None) -> PictureSet:
    from xai_widgets.data.folder import folder  # noqa: PLC0415
    from xai_widgets.runs import sources  # noqa: PLC0415

    if given.images is not None:
        known = before is not None and before.images["kind"] == sources.FOLDER
        return folder(
            given.images, given.size or (tuple(before.images["options"]["size"]) if before and known else None)
        )
    if before is None:
        raise XaiWidgetsError("--images is needed: a folder with a sub-folder of pictures for each class")
    return sources.opened(before.images, before.folder)


def _options(given: argparse.Namespace, before: Run | None, usual: Published | None) -> dict[str, Any]:
    """What a study takes besides model and pictures: as given, else as before, else as published."""
    from xai_widgets.runs import sources  # noqa: PLC0415

    name = given.model.rpartition(":")[2]
    options: dict[str, Any] = {"name": name}
    for source in (usual, before):
        if source is not None:
            options |= {key: getattr(source, key) for key in ("class_names", "mean", "std")}
    if before is not None:
        options |= {"name": before.name, "seed": before.seed, "batch_size": before.batch_size}
        options["test"] = None if before.test is None else sources.opened(before.test, before.folder)
    return options | {key: value for key in ("name", "mean", "std") if (value := getattr(given, key)) is not None}


def _moved(model: Any, device: str | None) -> Any:
    try:
        return model if device is None else model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise XaiWidgetsError(f"there is no device {device!r} here ({str(error).splitlines()[0]})") from error


def _weights(given: str | None) -> str:
    from xai_widgets.cli.models import RANDOM  # noqa: PLC0415

    return str(Path(given).expanduser().resolve()) if given not in (None, RANDOM) else given or ""


def _say_what_differs(study: Study, usual: Published | None) -> None:
    """Say plainly what makes answers worth less: pictures or classes that are not those the model has learnt."""
    size = " x ".join(map(str, study.shape[1:]))
    if usual is not None and study.shape[1:] != (usual.size, usual.size):
        _say(f"{study.name} learnt from pictures of {usual.size} x {usual.size}, and these are {size}; see --size.")
    if usual is None and bool((study.mean == 0).all() and (study.std == 1).all()):
        _say("The model is given pictures as they are, in [0, 1]; --mean and --std normalise them.")
    there = len(getattr(study.given[0], "class_names", ())) or study.classes
    if there != study.classes:
        _say(
            f"The model tells {study.classes} classes apart, and the folder has {there}: which pictures it gets right "
            "is not known here."
        )


# --- what is fitted ------------------------------------------------------------------------------------------------


def _fit_cladec(study: Study, given: argparse.Namespace, progress: Progress) -> list[str]:
    from xai_widgets.methods.cladec.cladec import ClaDec  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep  # noqa: PLC0415

    blocks = study.blocks() or study.layers()
    layers = given.layer or [blocks[len(blocks) // 2].name]
    for layer in layers:
        study.layer(layer)
    cladec = study.explainers.get("cladec") or ClaDec(study, layers, **_trained(given))
    _require_trained_so(cladec.settings.recipe, given)
    for layer in layers:
        cladec.fit(layer, progress=progress, checkpoint=given.out / UNFINISHED)
        keep(cladec)
    return [f"{layer}: {cladec.report(layer).sentence()}" for layer in layers]


def _fit_srae(study: Study, given: argparse.Namespace, progress: Progress) -> list[str]:
    from xai_widgets.methods.srae.srae import SRAE  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep  # noqa: PLC0415

    wanted = [SRAE(study, layer, **_trained(given)) for layer in given.layer or [None]]
    known = {one.settings.layer: one for key, one in study.explainers.items() if key.startswith("srae")}
    said = []
    for new in wanted:
        srae = known.get(new.settings.layer, new)
        _require_trained_so(srae.settings.recipe, given)
        srae.fit(progress=progress, checkpoint=given.out / UNFINISHED)
        keep(srae)
        said += [f"{srae.settings.layer}: x-features of {len(srae.classes)} classes.", *srae.problems]
    return said


def _fit_cae(study: Study, given: argparse.Namespace, progress: Progress) -> list[str]:
    from xai_widgets.methods.cae.cae import CAE  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep  # noqa: PLC0415

    cae = study.explainers.get("cae") or CAE(study, **_trained(given))
    _require_trained_so(cae.settings.recipe, given)
    cae.fit(progress=progress, checkpoint=given.out / UNFINISHED)
    keep(cae)
    return [cae.health.verdict()]


def _fit_summaries(study: Study, given: argparse.Namespace, progress: Progress) -> list[str]:
    from xai_widgets.methods.summaries.visual_summaries import VisualSummaries  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep  # noqa: PLC0415

    layer = given.layer[0] if given.layer else None
    found = study.explainers.get("summaries") or VisualSummaries(study, layer, seed=given.seed or 0)
    _require_searched_so(given, found.seed, [found.layer])
    said = []
    for number in sorted(set(getattr(study.given[0], "labels", range(study.classes)))):
        if number >= study.classes:
            continue
        try:
            if (number, False) not in found.found:
                found.find(number, progress=progress)
                keep(found)
            said.append(f"{study.class_names[number]}: {found.found[number, False].verdict()}")
        except PictureError as error:
            said.append(f"{study.class_names[number]}: {error}")
    return said


def _fit_inversion(study: Study, given: argparse.Namespace, progress: Progress) -> list[str]:
    from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion  # noqa: PLC0415
    from xai_widgets.methods.inversion.scene import POOL  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep  # noqa: PLC0415

    new = GuidedFeatureInversion(study, given.layer, seed=given.seed or 0)
    guided = study.explainers.get("inversion") or new
    _require_searched_so(given, guided.seed, guided.base_layers)
    places = study.draw(study.test, POOL)
    for at in range(0, len(places), AT_ONCE):
        guided.find(places[at : at + AT_ONCE], progress=progress)
        keep(guided)
    kept, removed, without = (
        sum(float(getattr(one, name)) for one in guided.found.values()) / len(guided.found)
        for name in ("kept", "removed", "without")
    )
    numbers = f"kept {kept:.0%}, removed {removed:.0%}, background alone {without:.0%} on average"
    return [f"{len(guided.found)} unseen pictures: {numbers}."]


FITS: dict[str, Callable[[Any, argparse.Namespace, Any], list[str]]] = {
    "cladec": _fit_cladec,
    "srae": _fit_srae,
    "summaries": _fit_summaries,
    "inversion": _fit_inversion,
    "cae": _fit_cae,
}


def _trained(given: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name in ("epochs", "seed") if (value := getattr(given, name)) is not None}


def _require_trained_so(recipe: Any, given: argparse.Namespace) -> None:
    """Refuse to go on with what was fitted in another way than is asked for."""
    for name, value in _trained(given).items():
        _require_same(given, f"--{name}", getattr(recipe, name), value)


def _require_searched_so(given: argparse.Namespace, seed: int, layers: Any) -> None:
    if given.seed is not None:
        _require_same(given, "--seed", seed, given.seed)
    if given.layer:
        _require_same(given, "--layer", " ".join(layers), " ".join(given.layer))


def _require_same(given: argparse.Namespace, option: str, there: object, wanted: object) -> None:
    if there != wanted:
        raise XaiWidgetsError(
            f"{given.out} holds {given.method} with {option} {there}, not {wanted}; leave it out, or choose another "
            "--out"
        )


# --- how it ends ---------------------------------------------------------------------------------------------------


@contextmanager
def _stoppable(progress: Progress) -> Iterator[None]:
    """Let Ctrl-C stop the work at its next step, where nothing is half done; a second one stops it at once."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _say("\nStopping after this step (press Ctrl-C again to stop at once).")
        progress.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the lines at the end say the same
            yield
    finally:
        signal.signal(signal.SIGINT, before)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
