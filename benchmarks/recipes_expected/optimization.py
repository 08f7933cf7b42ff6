"""What takes the steps: formulas, optimizers, sizes of the batch."""

from recipe import DATASETS, Recipe, at_least, at_most

OPTIMIZATION = (
    Recipe(
        "linear_regression",
        "gradient descent and Adam from their formulas",
        (),
        (),
        {
            dataset: {
                "gradient descent, difference from Keras": at_most(1e-5),
                "adam, difference from Keras": at_most(1e-5),
            }
            for dataset in DATASETS
        },
        reads_mnist=False,
    ),
    Recipe(
        "optimizers_compared",
        "every optimizer, the same network, each at the best of three rates",
        (),
        ("--epochs=20",),
        {
            "mnist": {
                "adam": at_least(0.97),
                "sgd": at_least(0.967),
                "rmsprop": at_least(0.967),
                "gd": at_least(0.955),
            },
            "digits": {"adam": at_least(0.94), "sgd": at_least(0.94), "gd": at_least(0.93)},
        },
    ),
    Recipe(
        "large_batch",
        "batches of 4096 (digits: 512) against 128",
        (),
        ("--epochs=20",),
        {
            "mnist": {
                "SGD, batch 128": at_least(0.973),
                "SGD, same rate, batch 4096": (0.90, 0.93),
                "LAMB, warm-up, batch 4096": at_least(0.955),
            },
            "digits": {
                "SGD, batch 128": at_least(0.95),
                "LAMB, warm-up, batch 512": at_least(0.93),
            },
        },
    ),
)
