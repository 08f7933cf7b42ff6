"""Plans for a training before it is started: what fits, how fast it is, what it waits for.

Example:
    >>> from tftrain import planning
    >>> machine = planning.Machine.of("a100-80", devices=8, bandwidth="100Gbit/s", per_host=8)
    >>> plans = planning.plan(planning.profile("1e8"), machine, 64)
    >>> plans.best.data, plans.best.tensor, plans.best.stages
    (8, 1, 1)
"""

from tftrain.planning.machines import DEVICES, Link, Machine
from tftrain.planning.memory import Memory
from tftrain.planning.plans import Plan, Plans, plan
from tftrain.planning.profiles import Kept, LayerProfile, ModelProfile
from tftrain.planning.step_time import Split, StepSeconds
from tftrain.planning.subjects import profile
from tftrain.planning.trainings import GradientCodec, Training

__all__ = [
    "DEVICES",
    "GradientCodec",
    "Kept",
    "LayerProfile",
    "Link",
    "Machine",
    "Memory",
    "ModelProfile",
    "Plan",
    "Plans",
    "Split",
    "StepSeconds",
    "Training",
    "plan",
    "profile",
]
