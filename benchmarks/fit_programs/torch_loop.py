"""A loop in PyTorch: the data are two tensors, a batch is taken by index from a permutation.

python benchmarks/fit_programs/torch_loop.py --data=mnist.npz --threads=1
"""

from __future__ import annotations

import torch
import torch_networks
from absl import flags
from sheet import Sheet, run
from torch.nn import functional

THREADS = flags.DEFINE_integer(
    "threads", 0, "of an operation; 0: what PyTorch takes", lower_bound=0
)


def accurate(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (logits.argmax(1) == labels).sum()


def train(sheet: Sheet) -> None:
    if THREADS.value:
        torch.set_num_threads(THREADS.value)
    torch.manual_seed(sheet.seed)
    workload = sheet.workload
    x, y, validation_x, validation_y = torch_networks.tensors(workload, sheet.data())
    network = torch_networks.build(workload)
    optimizer = torch_networks.adam(network)
    updates = 0

    def forward(batch: torch.Tensor) -> torch.Tensor:
        if not workload.bfloat16:
            return network(batch)
        with torch.autocast("cpu", torch.bfloat16):
            return network(batch).float()

    def train_epoch() -> tuple[float, float]:
        nonlocal updates
        network.train()
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(len(x)).split(workload.batch):
            labels = y.index_select(0, rows)
            logits = forward(x.index_select(0, rows))
            loss = functional.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            updates += 1
            loss_sum.add_(loss.detach(), alpha=len(rows))
            correct += accurate(logits.detach(), labels)
        return loss_sum.item() / len(x), correct.item() / len(x)

    @torch.inference_mode()
    def validate() -> tuple[float, float]:
        network.eval()
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        batches = (part.split(workload.batch) for part in (validation_x, validation_y))
        for batch, labels in zip(*batches, strict=True):
            logits = forward(batch)
            loss_sum += functional.cross_entropy(logits, labels, reduction="sum")
            correct += accurate(logits, labels)
        return loss_sum.item() / len(validation_x), correct.item() / len(validation_x)

    sheet.begin()
    for _ in range(sheet.epochs):
        loss, accuracy = train_epoch()
        _, validation_accuracy = validate()
        sheet.end_epoch()
    with sheet.saving() as folder:
        torch.save(network.state_dict(), folder / "model.pt")
    sheet.write(
        loss=loss,
        accuracy=accuracy,
        validation_accuracy=validation_accuracy,
        parameters=torch_networks.parameters(network),
        updates=updates,
    )


if __name__ == "__main__":
    run(train)
