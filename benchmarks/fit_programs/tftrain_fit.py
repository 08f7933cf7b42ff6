"""`tftrain.fit` on a Keras 3 model.

python benchmarks/fit_programs/tftrain_fit.py --data=mnist.npz --engine=auto
"""

from __future__ import annotations

import networks
from absl import flags
from sheet import Sheet, run

import tftrain
from tftrain.keras_api import keras

ENGINE = flags.DEFINE_string("engine", "auto", "as `tftrain.fit` takes it")


def train(sheet: Sheet) -> None:
    keras.utils.set_random_seed(sheet.seed)
    data = sheet.data()
    model = networks.build(keras, sheet.workload)
    networks.compile_model(keras, model)
    sheet.begin()
    history = tftrain.fit(model, **networks.fit_arguments(keras, sheet, data), engine=ENGINE.value)
    with sheet.saving() as folder:
        model.export(folder / "model", verbose=False)
    networks.write_report(sheet, model, history)


if __name__ == "__main__":
    run(train)
