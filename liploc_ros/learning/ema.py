"""The moving average of a model's weights, which does better than the last ones."""

import torch
from torch import nn


class AveragedWeights:
    """An exponential moving average of weights and running moments, quicker in the first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self._updates = decay, 0
        self._weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's present weights."""
        self._updates += 1
        decay = min(self._decay, self._updates / (9 + self._updates))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if tensor.is_floating_point():
                    self._weights[name].lerp_(tensor, 1 - decay)
                else:
                    self._weights[name].copy_(tensor)

    def put_into(self, model: nn.Module) -> None:
        """Give the model the averaged weights."""
        model.load_state_dict(self._weights)

    def state(self) -> dict[str, object]:
        """Return what :meth:`load` takes up again."""
        return {"updates": self._updates, "weights": self._weights}

    def load(self, state: dict[str, object]) -> None:
        """Go on from a state."""
        self._updates = int(str(state["updates"]))
        weights = state["weights"]
        if isinstance(weights, dict):
            self._weights = {name: weights[name].to(tensor.device) for name, tensor in self._weights.items()}
