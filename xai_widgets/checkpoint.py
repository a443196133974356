"""The file in which a training under way is kept: weights, best weights, optimizer, and position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError

KIND = "training checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint of one training.

    Attributes
    ----------
    path
        The file.
    identity
        What must agree for a training to be resumed from it, as JSON takes it.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(
        self,
        module: nn.Module,
        best: Mapping[str, Tensor],
        optimizer: torch.optim.Optimizer,
        position: Mapping[str, Any],
    ) -> None:
        """Write the file, in place of an earlier one."""
        states = optimizer.state_dict()["state"].items()
        flat = {f"{index}.{name}": value for index, state in states for name, value in state.items()}
        groups = {"module": module.state_dict(), "best": best, "optimizer": flat}
        tensors = {f"{group}/{name}": tensor for group, of in groups.items() for name, tensor in of.items()}
        artifact.save(self.path, KIND, tensors, {"identity": self.identity, "position": position})

    def restore(
        self, module: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Fill module and optimizer; return the best weights and the position, or None if there is no file.

        Raises
        ------
        ArtifactError
            If the file is the checkpoint of another training, or cannot be read.
        """
        if not artifact.with_suffix(self.path).exists():
            return None
        tensors, details = artifact.load(self.path, KIND)
        self._require_same(details["identity"])
        artifact.put_into(module, artifact.group(tensors, "module"))
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": _states(artifact.group(tensors, "optimizer")), "param_groups": groups})
        return artifact.group(tensors, "best"), details["position"]

    def remove(self) -> None:
        """Delete the file: the training is complete."""
        artifact.remove(self.path)

    def _require_same(self, found: Mapping[str, Any]) -> None:
        other = [
            f"{name} {found.get(name)} there, {value} here"
            for name, value in self.identity.items()
            if found.get(name) != value
        ]
        if other:
            raise ArtifactError(
                f"{artifact.with_suffix(self.path)} is the checkpoint of another training ({'; '.join(other)}); "
                "train as it was begun, or delete the file to start afresh"
            )


def _states(flat: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Undo the flattening of an optimizer's state."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = tensor
    return states
