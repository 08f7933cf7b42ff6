"""Keras 3's own `fit`; KERAS_BACKEND says on what.

python benchmarks/fit_programs/keras_fit.py --data=mnist.npz --steps_per_execution=64
"""

from __future__ import annotations

import keras
import networks
from absl import flags
from sheet import Sheet, run

STEPS = flags.DEFINE_integer("steps_per_execution", 1, "as `compile` takes it", lower_bound=1)


def train(sheet: Sheet) -> None:
    keras.utils.set_random_seed(sheet.seed)
    data = sheet.data()
    model = networks.build(keras, sheet.workload)
    networks.compile_model(keras, model, steps_per_execution=STEPS.value)
    sheet.begin()
    history = model.fit(**networks.fit_arguments(keras, sheet, data))
    with sheet.saving() as folder:
        if keras.backend.backend() == "tensorflow":
            model.export(folder / "model", verbose=False)
        else:
            model.save(folder / "model.keras")
    networks.write_report(sheet, model, history)


if __name__ == "__main__":
    run(train)
