"""The reference auto-encoder: what this architecture could have kept, had it been trained to keep pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xai_widgets.borrowing import own_copy
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layers import record
from xai_widgets.study import Study


class ReferenceEncoder(nn.Module):
    """A copy of the classifier, read at one layer and trained as an encoder: from fresh weights, or its own if `warm`.

    Dropout is off (in a code it would be a handicap that the classifier, in evaluation mode, does not have).
    """

    def __init__(self, study: Study, layer: str, *, warm: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self._normalise = study.normalise
        self._code = study.layer(layer).code
        run = [known.name for known in study.layers()]
        until = run.index(layer) + 1
        self._later = set(run[until:]) - set(run[:until])
        self.network = own_copy(study.model).float()
        if not all(isinstance(value, Tensor) for value in self.network.state_dict().values()):
            raise XaiWidgetsError(
                "the model's state holds more than tensors (is it quantised?), so that no reference can be trained; "
                "use reference=None"
            )
        _without_dropout(self.network)
        if not warm:
            _forget(self.network)

    def forward(self, pictures: Tensor) -> Tensor:
        """The layer's code for pictures ``(N, C, H, W)`` in [0, 1], in the form of the classifier's; differentiable."""
        recorded = record(self.network, lambda: self.network(self._normalise(pictures).float()), [self.layer])
        return self._code(recorded[self.layer])

    def idle(self) -> set[str]:
        """Names in the state of what plays no part in the code: that of modules which are run after the layer only."""
        return {key for key in self.state_dict() if key.removeprefix("network.").rpartition(".")[0] in self._later}


def _without_dropout(network: nn.Module) -> None:
    """Switch off dropout of every kind: of units, of paths, of blocks."""
    for module in network.modules():
        if "Drop" in type(module).__name__ or type(module).__name__ == "StochasticDepth":
            for rate in ("p", "drop_prob"):
                if hasattr(module, rate):
                    setattr(module, rate, 0.0)


def _forget(network: nn.Module) -> None:
    """Fresh random weights in every module, drawn from torch's global generator."""
    for module in network.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset):
            reset()
        else:
            _forget_own(module)


def _forget_own(module: nn.Module) -> None:
    """Parameters of a module that cannot reset itself (the tokens and positions of a ViT)."""
    with torch.no_grad():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() > 1:
                parameter.normal_(std=0.02)
            else:
                parameter.fill_(0.0 if "bias" in name else 1.0)
