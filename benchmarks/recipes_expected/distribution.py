"""Several devices, several processes."""

from recipe import Recipe, at_least, at_most

DISTRIBUTION = (
    Recipe(
        "multiworker_mnist",
        "several workers, the result of one",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.988)},
            "digits": {"test accuracy": at_least(0.96)},
        },
        tasks=("--workers=2",),
    ),
    Recipe(
        "parameter_server_mnist",
        "asynchronous, through servers",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.985)},
            "digits": {"test accuracy": at_least(0.96)},
        },
        tasks=("--workers=2", "--ps=1"),
    ),
    Recipe(
        "compressed_gradients",
        "whole and compressed gradients; `tftrain launch` starts it on several machines",
        ("--devices=2",),
        ("--devices=2", "--epochs=30"),
        {
            "mnist": {
                "none": at_least(0.97),
                "powersgd:4": at_least(0.97),
                "share of the bytes": at_most(0.05),
            },
            "digits": {
                "none": at_least(0.94),
                "powersgd:4": at_least(0.94),
                "share of the bytes": at_most(0.12),
            },
        },
    ),
    Recipe(
        "tensor_parallel",
        "a perceptron cut over two devices, and the same on one",
        (),
        ("--epochs=10",),
        {
            "mnist": {
                "mesh": at_least(0.965),
                "one device": at_least(0.965),
                "share of the bytes": at_most(0.51),
            },
            "digits": {
                "mesh": at_least(0.93),
                "one device": at_least(0.93),
                "share of the bytes": at_most(0.51),
            },
        },
    ),
    Recipe(
        "pipeline_parallel",
        "two stages, one a device, beside one device; the schedule as a picture",
        (),
        ("--epochs=30",),
        {
            "mnist": {
                "in stages": at_least(0.97),
                "on one device": at_least(0.97),
            },
            "digits": {
                "in stages": at_least(0.94),
                "on one device": at_least(0.94),
            },
        },
    ),
    Recipe(
        "tpu_mnist",
        "a TPU's cores; here two CPU devices instead, nothing was run on a TPU",
        ("--strategy=mirrored",),
        ("--strategy=mirrored", "--epochs=30"),
        {
            "mnist": {"test accuracy": at_least(0.985)},
            "digits": {"test accuracy": at_least(0.95)},
        },
    ),
)
