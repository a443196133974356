"""What methods that search for the masks of pictures ask for: pictures, a class of each, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.common.codes import require_gradients
from xai_widgets.names import find_class
from xai_widgets.study import Study

MOST_PIXELS = 2**18
"""Most pixels of the pictures that are optimised at once; gradients of VGG16 then take about 0.8 GB. On a CPU more are
slower, too: what a layer gives for them does not fit into its caches. Elsewhere it is four times as many."""


def checked(study: Study, pictures: Tensor, purpose: str) -> Tensor:
    """One or more pictures that fit the classifier, on the CPU ``(N, C, H, W)``, or a `PictureError`.

    Raises an `XaiWidgetsError` if the classifier gives no gradients.
    """
    batch = study.check(pictures).detach().cpu().float()
    if not len(batch):
        raise PictureError(f"there are no pictures to {purpose}")
    require_gradients(study, "masks are searched for")
    return batch


def each_class(target: Any, count: int, class_names: Sequence[str]) -> Tensor:
    """The class of each picture ``(N,)``, of one for all of them, or one for each."""
    each = [target] * count if np.ndim(target) == 0 else list(target)
    if len(each) != count or getattr(target, "ndim", 0) > 1:
        raise XaiWidgetsError(f"target must be one class, or {count} of them, but is {target}")
    return torch.tensor([find_class(class_names, one) for one in each])


def own_scores(scores: Tensor, classes: Tensor) -> Tensor:
    """Each row's score of its class, ``(N,)``."""
    return scores.gather(1, classes[:, None])[:, 0]


def batches(study: Study, pictures: Tensor) -> Sequence[Tensor]:
    """The rows of each batch: half of what may pass at once, because each picture passes twice."""
    height, width = pictures.shape[2:]
    most = MOST_PIXELS * (1 if study.device.type == "cpu" else 4)
    size = max(1, min(study.batch_size, most // (height * width)) // 2)
    rows: Sequence[Tensor] = torch.arange(len(pictures)).split(size)
    return rows
