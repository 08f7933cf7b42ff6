"""What kinds of networks learn, with labels and without."""

from recipe import Recipe, at_least, at_most

NETWORKS = (
    Recipe(
        "mlp_1000",
        "1000-128-10, one-hot labels",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": (0.84, 0.875), "linear model": (0.49, 0.53)},
            "digits": {"test accuracy": at_least(0.95), "linear model": (0.86, 0.91)},
        },
        reads_mnist=False,
    ),
    Recipe(
        "mlp_1000_deep",
        "1000-128-64-10, index labels",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": (0.84, 0.885), "linear model": (0.48, 0.52)},
            "digits": {"test accuracy": at_least(0.95), "linear model": (0.92, 0.96)},
        },
        reads_mnist=False,
    ),
    Recipe(
        "mnist_mlp",
        "Flatten-128-Dropout-10, saved as `.h5` and `.keras`",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "test accuracy": at_least(0.973),
                "difference of the .h5 file": at_most(1e-6),
                "difference of the .keras file": at_most(1e-6),
            },
            "digits": {"test accuracy": at_least(0.96)},
        },
    ),
    Recipe(
        "mnist_cnn",
        "two convolutions, cosine decay",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.99)},
            "digits": {"test accuracy": at_least(0.96)},
        },
    ),
    Recipe(
        "augmented_cnn",
        "1,000 images with and without augmentation, three seeds",
        (),
        ("--epochs=30",),
        {
            "mnist": {
                "without, mean": (0.95, 0.97),
                "with augmentation, mean": at_least(0.975),
            },
            "digits": {
                "without, mean": at_least(0.965),
                "with augmentation, mean": at_least(0.93),
            },
        },
        has_seeds=True,
    ),
    Recipe(
        "mnist_rnn",
        "LSTM over the rows",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": at_least(0.97)},
            "digits": {"test accuracy": at_least(0.94)},
        },
    ),
    Recipe(
        "pretrain_finetune",
        "learn without labels, fine-tune with few, three seeds",
        (),
        (),
        {
            "mnist": {
                "from scratch, 10 labels": (0.78, 0.9),
                "fine-tuned, 10 labels": at_least(0.88),
            },
            "digits": {
                "from scratch, 10 labels": at_least(0.8),
                "fine-tuned, 10 labels": at_least(0.8),
            },
        },
        has_seeds=True,
    ),
    Recipe(
        "multi_task",
        "digit, parity and rotation with one trunk, and with one each, three seeds",
        ("--dataset=mnist", "--epochs=5"),
        (),
        {
            "mnist": {
                "digit, alone": (0.84, 0.88),
                "digit, together": (0.84, 0.88),
                "digit, learned weights, 3 x as long": (0.87, 0.91),
            },
            "digits": {
                "digit, alone": (0.9, 0.935),
                "digit, together": (0.885, 0.92),
                "digit, learned weights, 3 x as long": (0.9, 0.935),
            },
        },
        has_seeds=True,
    ),
)
