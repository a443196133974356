"""A classifier's twin with random weights: an explanation of the one must not look like that of the other."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.seeding import seeded
from xai_widgets.study import Study

SEEN = 64
"""Training pictures from which batch normalisation and the last layer of a twin are set."""

PICTURES = 600
"""Pictures that ClaDec and CAE are fitted on for a twin."""


def randomised(study: Study, seed: int) -> Study:
    """A study of the same classifier with all weights drawn anew, on the same pictures, with nothing fitted.

    A network with random weights gives every picture the same class. So its batch normalisation is set from training
    pictures, and its last layer is scaled, if it is linear: each logit has as much spread as before, and mean 0. The
    study's own model stays as it is.
    """
    pictures = study.load(study.train, study.draw(study.train, SEEN, seed))[0]
    model = copy.deepcopy(study.model)
    with seeded(study.device, seed):
        for module in model.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    twin = _study(study, model)
    _normalise_batches(twin, pictures)
    _spread(twin, pictures, study.logits(pictures))
    return _study(study, model)


def _study(study: Study, model: nn.Module) -> Study:
    return Study(
        model,
        study.sources.images,
        test=study.sources.test,
        class_names=study.class_names,
        labels=study.labels,
        mean=study.mean.flatten().tolist(),
        std=study.std.flatten().tolist(),
        scores=study.scores.name,
        name=f"{study.name}, random weights",
        batch_size=study.batch_size,
        seed=study.sources.seed,
    )


def _normalise_batches(twin: Study, pictures: Tensor) -> None:
    batches = [module for module in twin.model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in batches:
        module.reset_running_stats()
        module.momentum = None  # the mean over all pictures
        module.train()
    with torch.no_grad():
        for batch in pictures.split(twin.batch_size):
            if len(batch) > 1:  # one picture alone has no spread
                twin.model(twin.normalise(batch))
    twin.model.eval()


def _spread(twin: Study, pictures: Tensor, wanted: Tensor) -> None:
    last = [module for module in twin.model.modules() if isinstance(module, nn.Linear)][-1:]
    if not last or last[0].out_features != twin.classes:
        return
    logits = twin.logits(pictures)
    factor = (wanted.std(0).mean() / logits.std(0).clamp_min(1e-6)).to(last[0].weight)
    with torch.no_grad():
        last[0].weight *= factor[:, None]
        if last[0].bias is not None:
            last[0].bias.copy_((last[0].bias - logits.mean(0).to(factor)) * factor)


def _cladec(study: Study, like: Explainer | None, seed: int) -> Explainer:
    layer = like.layers[-1] if isinstance(like, ClaDec) else None
    return ClaDec(study, layer, pictures=PICTURES, seed=seed)


FITS: Mapping[str, Callable[[Study, Explainer | None, int], Explainer]] = {
    "cladec": _cladec,
    "srae": lambda study, _, seed: SRAE(study, seed=seed),
    "cae": lambda study, _, seed: CAE(study, epochs=6, pictures=PICTURES, seed=seed),
}
"""How a method that has to be fitted is fitted where it is missing: with less than the demos', in about a minute. Given
the fit of another classifier, the layer is the same."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what fits warn of and log: the measures say the same."""
    logger = logging.getLogger("xai_widgets")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(before)


def fit_twin(study: Study, twin: Study, row: str, seed: int, progress: Progress) -> None:
    """Fit a method for a twin as for its study, if it has to be fitted at all."""
    if row in FITS and row not in twin.explainers:
        with _quietly():
            twin.explainers[row] = FITS[row](twin, study.explainers[row], seed).fit(progress=progress)


def fit_missing(study: Study, row: str, seed: int, progress: Progress) -> None:
    """Fit a method that a study lacks."""
    with _quietly():
        study.explainers[row] = FITS[row](study, None, seed).fit(progress=progress)
