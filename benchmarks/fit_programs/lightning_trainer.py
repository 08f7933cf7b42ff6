"""PyTorch Lightning's Trainer; whole batches come from the dataset, so nothing is collated.

python benchmarks/fit_programs/lightning_trainer.py --data=mnist.npz
"""

from __future__ import annotations

import logging
import warnings

import lightning
import torch
import torch_networks
from sheet import Sheet, run
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from torch.utils.data import TensorDataset as Tensors

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
# It asks for worker processes; tensors in memory are faster without.
warnings.filterwarnings("ignore", message=".*does not have many workers.*")


class Classifier(lightning.LightningModule):
    """Sums of loss and of right answers are kept as tensors and logged once an epoch."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sums = {name: torch.zeros(3, dtype=torch.float64) for name in ("", "validation_")}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch_networks.adam(self.network)

    def loss_of(self, batch: list[torch.Tensor], prefix: str) -> torch.Tensor:
        x, labels = batch
        logits = self.network(x).float()
        loss = functional.cross_entropy(logits, labels)
        correct = (logits.detach().argmax(1) == labels).sum()
        sums = self.sums[prefix]
        sums[0] += loss.detach() * len(labels)
        sums[1] += correct
        sums[2] += len(labels)
        return loss

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        return self.loss_of(batch, "")

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        self.loss_of(batch, "validation_")

    def log_means(self, prefix: str) -> None:
        loss, correct, count = self.sums[prefix]
        self.log_dict({f"{prefix}loss": loss / count, f"{prefix}accuracy": correct / count})
        self.sums[prefix].zero_()

    def on_train_epoch_end(self) -> None:
        self.log_means("")

    def on_validation_epoch_end(self) -> None:
        self.log_means("validation_")


def loader(x: torch.Tensor, y: torch.Tensor, batch: int, shuffled: bool) -> DataLoader:
    dataset = Tensors(x, y)
    order = (RandomSampler if shuffled else SequentialSampler)(dataset)
    return DataLoader(dataset, batch_size=None, sampler=BatchSampler(order, batch, False))


def train(sheet: Sheet) -> None:
    lightning.seed_everything(sheet.seed, verbose=False)
    workload = sheet.workload
    x, y, validation_x, validation_y = torch_networks.tensors(workload, sheet.data())
    module = Classifier(torch_networks.build(workload))

    class Stamps(lightning.Callback):
        def on_train_epoch_end(self, trainer: object, module: object) -> None:
            sheet.end_epoch()

    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=sheet.epochs,
        precision="bf16-mixed" if workload.bfloat16 else "32-true",
        callbacks=[Stamps()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    sheet.begin()
    trainer.fit(
        module,
        loader(x, y, workload.batch, shuffled=True),
        loader(validation_x, validation_y, workload.batch, shuffled=False),
    )
    with sheet.saving() as folder:
        torch.save(module.network.state_dict(), folder / "model.pt")
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    sheet.write(
        loss=metrics["loss"],
        accuracy=metrics["accuracy"],
        validation_accuracy=metrics["validation_accuracy"],
        parameters=torch_networks.parameters(module),
        updates=trainer.global_step,
    )


if __name__ == "__main__":
    run(train)
