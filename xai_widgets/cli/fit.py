"""``xai-widgets fit``: fit an explainer for a model and a folder of pictures, and keep it in a run's folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_widgets import limits
from xai_widgets.cli.terminal import number, put, require_folder, say, stoppable
from xai_widgets.cli.typed import class_names, labels, path, word
from xai_widgets.errors import CancelledError, PictureError, XaiWidgetsError
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.runs.turns import rank, turn

if TYPE_CHECKING:
    from xai_widgets.cli.models import Published
    from xai_widgets.methods.common.explainer import Explainer
    from xai_widgets.pictures import PictureSet
    from xai_widgets.progress import Progress
    from xai_widgets.runs.run import Run
    from xai_widgets.scale.ranks import Ranks
    from xai_widgets.study import Study

UNFINISHED = "unfinished"
"""Folder, within the run's, for the checkpoints of an interrupted fit."""

LAYERS = ("layer", "base_layer")
"""Parameters by which methods take layers."""

SETTINGS = {"epochs": ("epochs",), "seed": ("seed",), "layer": ("layer", "base_layers")}
"""For each option, the settings of a fitted explainer that it must agree with."""


GIVEN = ("name", "mean", "std", "class_names", "labels", "scores")
"""Options that a study takes as they are."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("fit", help="fit an explainer for a model of your own, and keep it in a folder")
    parser.set_defaults(run=fit)
    parser.add_argument("method", choices=list(EXPLAINERS), help="which explainer")
    parser.add_argument(
        "--model", required=True, metavar="SPEC",
        help="the classifier: torchvision:NAME, or package.module:factory, looked for in the current folder too",
    )  # fmt: skip
    parser.add_argument(
        "--weights", metavar="FILE",
        help="its weights, a safetensors file; none for random ones (default: torchvision's, or the factory's)",
    )  # fmt: skip
    parser.add_argument(
        "--images", type=path, metavar="DIR",
        help="a folder with a sub-folder of pictures for each class, or in train and val (default: that of the run)",
    )  # fmt: skip
    parser.add_argument(
        "--class-names", type=class_names, metavar="NAMES",
        help="names of the model's classes, in its order: ant,bee, or a file with a name per line, or a JSON list",
    )  # fmt: skip
    parser.add_argument(
        "--labels", type=labels, metavar="PAIRS",
        help="class of each folder, by name or number: ants=ant,bees=309, or a JSON file",
    )  # fmt: skip
    parser.add_argument("--size", type=_size, help="size of the pictures: 64, or HxW (default: that of the first one)")
    parser.add_argument(
        "--fit", choices=("crop", "contain", "squash"),
        help="keep the middle of pictures of other proportions, all of them between grey bars, or squash them "
        "(default: crop)",
    )  # fmt: skip
    for name in ("--mean", "--std"):
        said = "which the model expects in normalised pictures"
        parser.add_argument(name, type=number(limits.MEAN, float), nargs="+", help=said)
    parser.add_argument("--scores", choices=["softmax", "sigmoid"], help="sigmoid: the model is multi-label")
    parser.add_argument(
        "--layer", nargs="+", action="extend", metavar="NAME", help="layer of the model, one or several"
    )
    parser.add_argument("--out", required=True, type=path, metavar="DIR", help="the run's folder, new or begun")
    parser.add_argument("--epochs", type=number(limits.EPOCHS), help="epochs of training (default: the method's)")
    parser.add_argument("--seed", type=number(limits.SEED), help="seed of the fit (default: 0)")
    parser.add_argument("--device", help="where to compute, such as cuda (default: where the model is)")
    parser.add_argument("--name", type=word, help="name of the study, for titles (default: the model's)")


def fit(given: argparse.Namespace) -> None:
    """Run the command. After Ctrl-C, what was finished, and the place in what was not, is kept."""
    _require_options(given, EXPLAINERS[given.method])
    from xai_widgets.scale.ranks import Ranks, precision  # noqa: PLC0415
    from xai_widgets.scale.registry import METHODS  # noqa: PLC0415
    from xai_widgets.together import Group, together  # noqa: PLC0415

    shared = given.method in METHODS and METHODS[given.method].trained
    ranks = Ranks.here() if shared else Ranks()
    if rank() and ranks.count == 1:
        say(f"Process {rank() + 1} does nothing: the first one fits, alone. (explain shares its work among all.)")
        return
    given.device = given.device or ranks.device
    with together(Group(ranks.number, ranks.count, precision())):
        (_follow if ranks.number else _lead)(given, ranks)
    ranks.leave()


def _lead(given: argparse.Namespace, ranks: Ranks) -> None:
    """What the first process does: it writes, and tells what it does."""
    from xai_widgets.progress import bar  # noqa: PLC0415
    from xai_widgets.runs.keeping import keep_in  # noqa: PLC0415

    with bar() as progress, turn(given.out, progress, say):
        study = _study(given)
        requested = _requested(study, given)  # nothing is written before it is known that it can be fitted
        keep_in(study, given.out, model=given.model, weights=_weights(given.weights))
        ranks.wait()  # for the others, who read the run now
        ranks.wait()
        verdicts = _verdicts(study, requested, given, progress)
        with suppress(OSError):  # where a fit of another explainer is not finished
            (given.out / UNFINISHED).rmdir()
    opening = f"xw.open({json.dumps(str(given.out))}, model=...)"
    put("\n".join([*verdicts, f"Saved in {given.out}. In Python: {opening}", ""]))


def _follow(given: argparse.Namespace, ranks: Ranks) -> None:
    """What the other processes do: they fit their part of it, and write nothing."""
    from xai_widgets.progress import Progress  # noqa: PLC0415
    from xai_widgets.runs.run import Run  # noqa: PLC0415

    ranks.wait()
    study = _study(given)
    study.explainers |= Run.read(given.out).load(study)
    ranks.wait()
    _verdicts(study, _requested(study, given), given, Progress())


def _verdicts(study: Study, requested: Sequence[Explainer], given: argparse.Namespace, progress: Progress) -> list[str]:
    try:
        with stoppable(progress):
            return [_fitted(study, new, given, progress) for new in requested]
    except CancelledError as error:
        said = f"Stopped. The work so far is saved in {given.out}; run the same command again to continue."
        raise KeyboardInterrupt(said) from error


# --- what is asked -------------------------------------------------------------------------------------------------


def _size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; give 64, or 48x64 for height and width")
    height, width = (number(limits.SIDE)(side) for side in (sides[0], sides[-1]))
    return height, width


def _require_options(given: argparse.Namespace, kind: type[Explainer]) -> None:
    """Refuse options that the method would ignore, before anything is loaded."""
    if given.epochs is not None and "epochs" not in signature(kind).parameters:
        raise XaiWidgetsError(f"{given.method} searches instead of training; omit --epochs")
    if given.layer and _layer_parameter(kind) is None:
        raise XaiWidgetsError(f"{given.method} explains the whole classifier; omit --layer")
    for name, values in {"mean": given.mean, "std": given.std}.items():
        if values is not None and len(values) not in (1, 3):
            raise XaiWidgetsError(f"--{name} has {len(values)} values; give 1, or 3 for red, green and blue")
    if given.std is not None and min(given.std) <= 0:
        raise XaiWidgetsError(f"--std is {min(given.std):g}; it must be above 0")
    for folder in (given.out, given.out / UNFINISHED):
        require_folder(folder, "--out")


def _layer_parameter(kind: type[Explainer]) -> str | None:
    return next((name for name in LAYERS if name in signature(kind).parameters), None)


def _study(given: argparse.Namespace) -> Study:
    """The study that is asked for; what is not said is as in the run, if one was begun."""
    from xai_widgets.cli.models import load_model, published  # noqa: PLC0415
    from xai_widgets.runs.keeping import require_model  # noqa: PLC0415
    from xai_widgets.runs.run import DESCRIPTION, Run  # noqa: PLC0415
    from xai_widgets.study import Study  # noqa: PLC0415

    before = Run.read(given.out) if (given.out / DESCRIPTION).exists() else None
    images = _images(given, before)
    if before is not None and given.weights is None and given.model == before.model:
        given.weights = before.weights or None
    names = given.class_names or getattr(images, "class_names", ())
    model = load_model(given.model, given.weights, len(names) or None)
    usual = published(given.model, given.weights)
    options = _options(given, before, usual)
    if before is not None:
        require_model(before, model)
    try:
        study = Study(moved(model, given.device), images, **options)
    except PictureError as error:
        raise PictureError(f"{error}; --size sets how large the pictures are") from error
    if not rank():
        _say_what_differs(study, usual)
    return study


def _images(given: argparse.Namespace, before: Run | None) -> PictureSet:
    """The folder that is asked for; what is not said about it is as in the run, if one was begun."""
    from xai_widgets.data.folder import folder  # noqa: PLC0415
    from xai_widgets.runs import sources  # noqa: PLC0415

    known = before.images["options"] if before is not None and before.images["kind"] == sources.FOLDER else {}
    if given.images is not None:
        size = given.size or (tuple(known["size"]) if known else None)
        return folder(given.images, size, given.fit or known.get("fit", sources.USUAL_FIT), known.get("split"))
    if before is None:
        raise XaiWidgetsError("--images is needed: a folder with a sub-folder of pictures for each class")
    for name, there in {"size": list(before.shape[1:]), "fit": known.get("fit", sources.USUAL_FIT)}.items():
        now = getattr(given, name)
        if now is not None and (now if name == "fit" else list(now)) != there:
            raise XaiWidgetsError(
                f"{given.out} holds pictures with --{name} {_typed(there)}, not {_typed(now)}; omit it, or choose "
                "another --out"
            )
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
        options["labels"] = dict(before.labels)
        options |= {"name": before.name, "seed": before.seed, "batch_size": before.batch_size}
        options["scores"] = before.scores or None
        options["test"] = None if before.test is None else sources.opened(before.test, before.folder)
    return options | {key: value for key in GIVEN if (value := getattr(given, key)) is not None}


def moved(model: Any, device: Any) -> Any:
    """The model on a device, if one is given."""
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
        say(f"{study.name} was trained on pictures of {usual.size} x {usual.size}, but these are {size}; see --size.")
    if usual is None and bool((study.mean == 0).all() and (study.std == 1).all()):
        say("The model gets the pictures as they are, in [0, 1]; --mean and --std normalise them.")
    if remark := study.check_normalisation():
        say(f"{remark[0].upper()}{remark[1:]}.")
    for clause in dict.fromkeys(one.clause() for one in study.matched):
        say(f"Classes of the pictures: {clause}.")


# --- what is fitted ------------------------------------------------------------------------------------------------


def _requested(study: Study, given: argparse.Namespace) -> list[Explainer]:
    """New explainers: a single one where the method takes several layers at once, else one for each layer."""
    kind: Any = EXPLAINERS[given.method]
    known = signature(kind).parameters
    options = {name: value for name in ("epochs", "seed") if (value := getattr(given, name)) is not None}
    parameter = _layer_parameter(kind)
    if parameter is None or not given.layer:
        return [kind(study, **options)]
    together = "Sequence" in str(known[parameter].annotation)
    return [kind(study, **{parameter: one}, **options) for one in ([given.layer] if together else given.layer)]


def _fitted(study: Study, new: Explainer, given: argparse.Namespace, progress: Progress) -> str:
    """Fit an explainer, or what is missing in the one that the run has in its place; return its verdict."""
    from xai_widgets.runs import keeping  # noqa: PLC0415

    explainer: Explainer = study.explainers.get(keeping.key_of(new), new)
    _require_same_settings(given, explainer.origin(), new.origin())
    # Some methods fit further layers into an explainer that is already there.
    layers = {"layer": given.layer} if given.layer and "layer" in signature(explainer.fit).parameters else {}
    explainer.fit(progress=progress, checkpoint=given.out / UNFINISHED, on_part=keeping.keep, **layers)
    keeping.keep(explainer)
    return explainer.verdict()


def _require_same_settings(given: argparse.Namespace, there: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse to go on with an explainer that was made with other options than those that are given."""
    for option, names in SETTINGS.items():
        for name in names if getattr(given, option) is not None else ():
            before, now = _typed(_setting(there, name)), _typed(_setting(new, name))
            if before != now:
                raise XaiWidgetsError(
                    f"{given.out} holds {given.method} with --{option} {before}, not {now}; omit it, or choose "
                    "another --out"
                )


def _setting(settings: Mapping[str, Any], name: str) -> Any:
    """A setting by name, at any depth; None if there is none."""
    inside = (_setting(value, name) for value in settings.values() if isinstance(value, Mapping))
    return settings[name] if name in settings else next((value for value in inside if value is not None), None)


def _typed(value: Any) -> str:
    """A setting as it is typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
