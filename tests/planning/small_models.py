"""Models and machines small enough that plans for them can be reckoned by hand."""

from tftrain import planning

LINK = planning.Link(1e9, 1e-4)
GIB = 2.0**30


def layer(name="one", flops=1e6, **more):
    """A layer of 10,000 parameters."""
    return planning.LayerProfile(name, ((100, 100),), flops=flops, output=50.0, **more)


def model(*layers, **more):
    """A model of these layers, or of one."""
    return planning.ModelProfile("model", layers or (layer(),), **more)


def machine(devices=1, **more):
    """Devices of 1 GiB and 1e9 operations a second."""
    return planning.Machine(devices, **{"memory": GIB, "flops": 1e9, "link": LINK, **more})


def only(**wanted):
    """Allows this one split."""
    return lambda split: split == planning.Split(**wanted)
