"""What a training uses of the machine: cores, memory, disk, GPUs, and how long it waits for data.

Meters are begun, sampled and asked for figures; `Sampler` does the sampling in the background.
Figures that cannot be measured here are left out.
"""

from tftrain.control_groups import ControlGroups
from tftrain.resources.disk import Disk
from tftrain.resources.gpus import Gpus
from tftrain.resources.input_wait import InputWait
from tftrain.resources.memory import Memory
from tftrain.resources.model_flops import flops_per_example
from tftrain.resources.peak_flops import peak_flops
from tftrain.resources.processor import Processor
from tftrain.resources.sampler import Sampler
from tftrain.resources.stopwatch import waiting_for_data

__all__ = [
    "ControlGroups",
    "Disk",
    "Gpus",
    "InputWait",
    "Memory",
    "Processor",
    "Sampler",
    "flops_per_example",
    "peak_flops",
    "waiting_for_data",
]
