"""``xai-widgets explain``: explain a whole data set with what a run holds, in one process or in many."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from xai_widgets import limits
from xai_widgets.cli.fit import moved
from xai_widgets.cli.terminal import number, put, require_folder, stoppable
from xai_widgets.cli.typed import path
from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.names import closest

if TYPE_CHECKING:
    from xai_widgets.methods.common.explainer import Explainer
    from xai_widgets.scale.folder import Explanations
    from xai_widgets.study import Study

ALSO = {"masks": "summaries", "counterfactual": "cae"}
"""Methods by what they give for a picture."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "explain", help="explain every picture of a data set, and write a table of Parquet files"
    )
    parser.set_defaults(run=explain)
    parser.add_argument(
        "method", metavar="METHOD",
        help=f"{', '.join(EXPLAINERS)}; or masks, counterfactual; or a key of the run, such as cladec-paper",
    )  # fmt: skip
    parser.add_argument("--run", dest="folder", required=True, type=path, metavar="DIR", help="the run's folder")
    parser.add_argument("--model", metavar="SPEC", help="the run's classifier, as for fit, unless it is torchvision's")
    parser.add_argument("--weights", metavar="FILE", help="its weights, as for fit")
    parser.add_argument(
        "--images", metavar="SRC",
        help="a folder; hf:NAME, hf:NAME:CONFIG or hf:NAME@SPLIT, of the hub or a folder; stream:NAME; a .csv or "
        ".parquet file with the columns path and label; .tar files of WebDataset (default: the run's unseen pictures)",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=path, metavar="DIR", help="where the table goes, new or begun")
    parser.add_argument(
        "--fiftyone", type=path, metavar="DIR", help="write the table there as a data set of FiftyOne, too"
    )
    parser.add_argument("--shard", type=number(limits.BATCH), help="pictures in each file (default: 512)")
    parser.add_argument("--batch", type=number(limits.BATCH), help="pictures explained at once (default: the run's)")
    parser.add_argument("--workers", type=number(limits.Whole(0, 1024)), default=0, help="processes that read ahead")
    parser.add_argument("--device", help="where to compute, such as cuda (default: where the model is)")


def explain(given: argparse.Namespace) -> None:
    """Run the command. After Ctrl-C, or if it is killed, the finished files are kept."""
    from xai_widgets.progress import Progress, bar  # noqa: PLC0415
    from xai_widgets.scale.explain_all import explain_all  # noqa: PLC0415
    from xai_widgets.scale.fiftyone import require_new, to_fiftyone  # noqa: PLC0415
    from xai_widgets.scale.ranks import Ranks  # noqa: PLC0415

    key = _key(given.method)
    require_folder(given.out, "--out")
    if given.fiftyone is not None:
        require_new(require_folder(given.fiftyone, "--fiftyone"))
    ranks = Ranks.here()
    study = _study(given, ranks.device)
    sizes = {name: value for name in ("shard", "batch") if (value := getattr(given, name)) is not None}
    with Progress() if ranks.number else bar() as progress:
        try:
            with stoppable(progress):
                found = explain_all(
                    _explainer(study, key, given), given.images or study.test, given.out,
                    workers=given.workers, progress=progress, **sizes,
                )  # fmt: skip
        except CancelledError as error:
            said = f"Stopped. The finished files are in {given.out}; run the same command again to continue."
            raise KeyboardInterrupt(said) from error
    if not ranks.number:
        put(_said(found))
        if given.fiftyone is not None:
            put(f"FiftyOne can open {to_fiftyone(found, given.fiftyone):,} of them in {given.fiftyone}.\n")
    ranks.leave()


def _key(text: str) -> str:
    """The key in the run that is meant."""
    method, dash, rest = text.partition("-")
    return f"{closest(ALSO.get(method, method), EXPLAINERS, 'method')}{dash}{rest}"


def _study(given: argparse.Namespace, device: Any) -> Study:
    from xai_widgets.cli.models import model_of_run  # noqa: PLC0415
    from xai_widgets.runs.keeping import open_run  # noqa: PLC0415

    model = model_of_run(given.folder, given.model, given.weights)
    return open_run(given.folder, model=moved(model, given.device or device))


def _explainer(study: Study, key: str, given: argparse.Namespace) -> Explainer:
    """The run's own, or a new one of a method that needs no fit."""
    from xai_widgets.scale.registry import METHODS  # noqa: PLC0415

    if key in study.explainers:
        own: Explainer = study.explainers[key]
        return own
    if key not in EXPLAINERS or METHODS[key].trained:
        raise XaiWidgetsError(
            f"{given.folder} holds no fitted {key} (it holds {', '.join(study.explainers) or 'none'}); run "
            f"xai-widgets fit {key.partition('-')[0]} --out {given.folder} first"
        )
    kind: Any = EXPLAINERS[key]
    new: Explainer = kind(study)
    return new


def _said(found: Explanations) -> str:
    failures = found.failures
    lines = [f"Explained {len(found) - len(failures):,} of {len(found):,} pictures in {found.folder}."]
    if failures:
        lines.append(f"{len(failures):,} failed, such as {failures[0][0]}: {failures[0][1]}")
    lines += found.manifest["problems"]
    return "\n".join([*lines, f"In Python: xw.Browser({json.dumps(str(found.folder))})", ""])
