"""Networks of a saved CAE, rebuilt from its settings and tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from xai_widgets.methods.cae.fitted import Fitted
from xai_widgets.methods.cae.networks import CaeNetworks
from xai_widgets.methods.cae.paper.fit import FittedPaper
from xai_widgets.methods.cae.paper.networks import PaperNetworks
from xai_widgets.methods.cae.settings import Settings
from xai_widgets.study import Study


def restored(study: Study, settings: Settings, tensors: Mapping[str, Tensor]) -> Fitted:
    """Networks with their weights, on the study's device."""
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        networks = _unfilled(study, settings, tensors)
    networks.load_state_dict(tensors)
    return networks.eval().to(study.device)


def _unfilled(study: Study, settings: Settings, tensors: Mapping[str, Tensor]) -> Fitted:
    if settings.paper:
        networks = PaperNetworks(study.shape, study.classes, settings.dimensions, settings.width)
        return FittedPaper(networks, study.classes, settings.dimensions)
    evidence = tensors["class_encoder.linear.weight"].shape[1]
    sizes = (evidence, study.classes, settings.dimensions, settings.channels, settings.width)
    # In memory as they were fitted: otherwise the same weights give other last digits, and more slowly.
    return CaeNetworks(study.shape, *sizes).to(memory_format=torch.channels_last)
