"""The data of the benchmark as files that every program reads: made once, outside all clocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROWS, TEST_ROWS = 60_000, 10_000
QUICK_ROWS, QUICK_TEST_ROWS = 1_000, 300
PICTURES = "mnist.npz"


def prepare(network: str, folder: Path, data_dir: str | None, quick: bool) -> tuple[Path, str]:
    """The .npz for a network, and what it holds in words.

    Args:
        network: One of `workloads.SHAPES`.
        folder: Where files that must be made are put; those already there are taken.
        data_dir: A folder with mnist.npz; without it pictures are made.
        quick: A thousand examples will do.
    """
    name = "features.npz" if network == "mlp_1000" else PICTURES
    path = folder / name
    if name == PICTURES and data_dir is not None:
        given = Path(data_dir, PICTURES)
        if not quick:
            return given, "MNIST"
        if not path.exists():
            with np.load(given) as arrays:
                np.savez(path, **_first(dict(arrays)))
        return path, "the first of MNIST"
    if not path.exists():
        rows, test_rows = (QUICK_ROWS, QUICK_TEST_ROWS) if quick else (ROWS, TEST_ROWS)
        make = made_features if name == "features.npz" else made_pictures
        np.savez(path, **make(rows, test_rows))
    return path, "made features" if name == "features.npz" else "made pictures: not MNIST"


def _first(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: array[: QUICK_ROWS if name.endswith("train") else QUICK_TEST_ROWS]
        for name, array in arrays.items()
    }


def made_pictures(rows: int, test_rows: int) -> dict[str, np.ndarray]:
    """Ten pictures of random pixels, each example one of them under strong noise."""
    random = np.random.default_rng(0)
    prototypes = random.integers(0, 256, (10, 28, 28), np.uint8)
    y = random.integers(0, 10, rows + test_rows, np.uint8)
    x = random.integers(0, 256, (len(y), 28, 28), np.uint8)
    x = np.where(random.random(x.shape, np.float32) < 0.15, prototypes[y], x)
    return _split(x, y, rows)


def made_features(rows: int, test_rows: int) -> dict[str, np.ndarray]:
    """The data of recipes/mlp_1000_deep.py, in more rows: 1000 features, 10 classes."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=rows + test_rows,
        n_features=1000,
        n_informative=30,
        n_redundant=470,
        n_classes=10,
        n_clusters_per_class=3,
        class_sep=2.0,
        flip_y=0.01,
        random_state=0,
    )
    x = ((x - x[:rows].mean(0)) / x[:rows].std(0)).astype(np.float32)
    return _split(x, y, rows)


def _split(x: np.ndarray, y: np.ndarray, rows: int) -> dict[str, np.ndarray]:
    return {"x_train": x[:rows], "y_train": y[:rows], "x_test": x[rows:], "y_test": y[rows:]}
