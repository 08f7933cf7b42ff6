"""The networks in PyTorch's words, with Keras's initializers."""

from __future__ import annotations

import torch
from torch import nn
from workloads import CLASSES, DENSE, EPSILON, FILTERS, LEARNING_RATE, UNITS, Data, Workload


def build(workload: Workload) -> nn.Module:
    network = {"cnn": _cnn, "lstm": _lstm}.get(workload.network, _mlp)(workload)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return network


def _mlp(workload: Workload) -> nn.Module:
    *widths, _ = sizes = workload.dense_sizes
    stack: list[nn.Module] = [nn.Flatten()]
    for features, units in zip(widths, sizes[1:-1], strict=False):
        stack += [nn.Linear(features, units), nn.ReLU()]
        if workload.dropout:
            stack.append(nn.Dropout(workload.dropout))
    return nn.Sequential(*stack, nn.Linear(widths[-1], CLASSES))


def _cnn(workload: Workload) -> nn.Module:
    stack: list[nn.Module] = []
    before, side = 1, workload.shape[0]
    for channels in FILTERS:
        stack += [nn.Conv2d(before, channels, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        before, side = channels, side // 2
    stack += [nn.Flatten(), nn.Dropout(workload.dropout)]
    stack += [nn.Linear(before * side * side, DENSE), nn.ReLU(), nn.Linear(DENSE, CLASSES)]
    return nn.Sequential(*stack).to(memory_format=torch.channels_last)


class LastState(nn.Module):
    """An LSTM that gives its last state; the bias that Keras's has not stays zero."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, UNITS, batch_first=True)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        with torch.no_grad():
            self.lstm.bias_ih_l0[UNITS : 2 * UNITS] = 1  # of the forget gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, (state, _) = self.lstm(x)
        return state[-1]


def _lstm(workload: Workload) -> nn.Module:
    features = workload.shape[1]
    return nn.Sequential(
        LastState(features), nn.Dropout(workload.dropout), nn.Linear(UNITS, CLASSES)
    )


def adam(network: nn.Module) -> torch.optim.Optimizer:
    """The fused one, over what is trained."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.Adam(trained, lr=LEARNING_RATE, eps=EPSILON, fused=True)


def parameters(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters() if one.requires_grad)


def tensors(workload: Workload, data: Data) -> list[torch.Tensor]:
    """x, y, validation x, validation y; channels come first for a CNN."""
    x, validation_x = torch.from_numpy(data.x), torch.from_numpy(data.validation_x)
    if workload.network == "cnn":
        x, validation_x = (pictures.permute(0, 3, 1, 2) for pictures in (x, validation_x))
    y, validation_y = (torch.from_numpy(labels).long() for labels in (data.y, data.validation_y))
    return [x, y, validation_x, validation_y]
