"""What becomes of a trained model: smaller, and served."""

from recipe import Recipe, at_least, at_most

DEPLOYMENT = (
    Recipe(
        "prune_mnist",
        "80% zeros, kept while training goes on",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": at_least(0.973), "times smaller by gzip": at_least(3.5)},
            "digits": {"test accuracy": at_least(0.93), "times smaller by gzip": at_least(1.5)},
        },
    ),
    Recipe(
        "quantize_mnist",
        "float16, 8-bit weights, 8 bits throughout",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "float32": at_least(0.973),
                "float16": at_least(0.973),
                "dynamic": at_least(0.972),
                "int8": at_least(0.972),
                "int8, times smaller": at_least(3.5),
            },
            "digits": {
                "float32": at_least(0.96),
                "int8": at_least(0.95),
                "int8, times smaller": at_least(2),
            },
        },
    ),
    Recipe(
        "compress_pipeline",
        "zeros, then clusters, then training for 8 bits",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "dense": at_least(0.973),
                "pruned": at_least(0.968),
                "clustered": at_least(0.968),
                "int8": at_least(0.97),
                "times smaller by gzip": at_least(14),
            },
            "digits": {
                "dense": at_least(0.96),
                "int8": at_least(0.9),
                "times smaller by gzip": at_least(3),
            },
        },
    ),
    Recipe(
        "serve_and_query",
        "an export behind a server, asked over REST and gRPC",
        ("--dataset=mnist", "--epochs=5"),
        (),
        {
            "mnist": {"test accuracy": at_least(0.97), "largest difference": at_most(1e-6)},
            "digits": {"test accuracy": at_least(0.955), "largest difference": at_most(1e-6)},
        },
    ),
)
