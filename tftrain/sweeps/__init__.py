"""Independent trainings side by side, each with other settings.

    sweep = run({"learning_rate": Range(1e-4, 1e-1, log=True)}, command, "sweeps/lr", trials=20)

`tftrain sweep` runs `tftrain train` so. What decides and judges is Optuna (`pip install
'tftrain[sweep]'`). TensorFlow is not imported here.
"""

from tftrain.sweeps.asked import Asked
from tftrain.sweeps.dimensions import Choices, Range
from tftrain.sweeps.running import resume, run
from tftrain.sweeps.sweep import Sweep
from tftrain.sweeps.trials import Trial

__all__ = ["Asked", "Choices", "Range", "Sweep", "Trial", "resume", "run"]
