"""Attention rollout (Abnar and Zuidema, https://arxiv.org/abs/2005.00928): which patches a class token is made of.

For a transformer of L layers, whose heads have the mean attention A (each row sums to 1)::

    R = (A_L + I) / 2 ... (A_2 + I) / 2 (A_1 + I) / 2

The map is the class token's row of R at the patches. It follows attention alone, and neither values nor scores, so that
it is the same for every class. It needs self-attention among a class token and all patches: networks that attend within
windows (Swin), or have no class token, have no rollout, and neither have convolutional ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layout import Layout
from xai_widgets.study import Study

ROLLOUT = "attention_rollout"
"""Its row in tables."""

NOT_HERE = "attention rollout needs self-attention among a class token and all patches, and this classifier has {found}"


def attention_rollout(study: Study, pictures: Tensor) -> Tensor:
    """Maps ``(N, H, W)``, the same for every class; an `XaiWidgetsError` where the classifier has no rollout."""
    layout = _tokens(study)
    with study.borrowed(), torch.no_grad():
        rows = [_class_row(_attentions(study, part), layout) for part in pictures.split(study.batch_size)]
    coarse = torch.cat(rows).cpu().unflatten(1, layout.sides)[:, None]
    return F.interpolate(coarse, pictures.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def has_rollout(study: Study) -> bool:
    """Whether the classifier has one."""
    try:
        attention_rollout(study, study.load(study.train, [0])[0])
    except XaiWidgetsError:
        return False
    return True


def _tokens(study: Study) -> Layout:
    """The layout of tokens of which the first is the class token; the grid of patches is in one row behind it."""
    layouts = [layer.layout for layer in study.layers()]
    found = Counter(one for one in layouts if len(one.axes) == 1 and one.before)
    if not found:
        raise XaiWidgetsError(NOT_HERE.format(found="no class token"))
    return found.most_common(1)[0][0]


def _attentions(study: Study, pictures: Tensor) -> list[Tensor]:
    attentions = _Attentions()
    with attentions:
        study.forward(pictures)
    return attentions.found


def _class_row(attentions: Sequence[Tensor], layout: Layout) -> Tensor:
    """The class token's row of the rollout at the patches, ``(N, P)``."""
    rows, columns = layout.sides
    count = layout.before + rows * columns + layout.after
    if not attentions or any(one.shape[1:] != (count, count) for one in attentions):
        shapes = sorted({"x".join(map(str, one.shape[1:])) for one in attentions})
        found = f"attention of {', '.join(shapes)} and {count} tokens" if shapes else "no attention that can be read"
        raise XaiWidgetsError(NOT_HERE.format(found=found))
    return rolled(attentions)[:, 0, layout.before : layout.before + rows * columns]


def rolled(attentions: Sequence[Tensor]) -> Tensor:
    """The rollout ``(N, T, T)`` of the mean attentions ``(N, T, T)`` of each layer, the first layer first."""
    tokens = torch.eye(attentions[0].shape[1], device=attentions[0].device)
    whole = tokens.expand_as(attentions[0])
    for attention in attentions:
        whole = (attention + tokens) / 2 @ whole
    return whole


class _Attentions(TorchFunctionMode):
    """Notes the attention of each layer ``(N, T, T)``, the mean of its heads, while a network of any library runs.

    It reads torch's two functions of attention, in this thread alone, and sets no hook. Neither gives its weights as
    networks call it, so that these are computed once more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        given = dict(kwargs or {})
        if func is F.scaled_dot_product_attention:
            self._note(_weights(*args, **given))
        elif func is F.multi_head_attention_forward:
            output, attention = func(*args, **{**given, "need_weights": True, "average_attn_weights": True})
            if attention is not None:
                self._note(attention[:, None])
            return (output, attention) if given.get("need_weights", True) else (output, None)
        return func(*args, **given)

    def _note(self, attention: Tensor) -> None:
        self.found.append(attention.detach().float().mean(1))


def _weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    """Attention ``(N, heads, T, T)`` of `torch.nn.functional.scaled_dot_product_attention`."""
    del value, dropout_p, is_causal
    products = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None:
        hidden = attn_mask.dtype is torch.bool
        products = products.masked_fill(~attn_mask, -torch.inf) if hidden else products + attn_mask
    return products.softmax(-1)
