"""Draws docs/augmentations.png: every augmentation, on real pictures, with several examples each.

python docs/augmentations.py
"""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_sample_images

import tftrain
from tftrain import augment
from tftrain.atomic import replace_file

SIDE = 96
SETTINGS = {  # stronger than the defaults where those hardly show
    "contrast": {"amount": 0.7},
    "crop": {"padding": 16},
    "flip": {"vertical": True},
    "flip_labels": {"amount": 0.5},
    "hue": {"amount": 0.3},
    "mixup": {"alpha": 2.0},
    "saturation": {"amount": 1.0},
    "smooth_labels": {"amount": 0.3},
}
LABELLED = ("cutmix", "flip_labels", "mixup", "smooth_labels")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Four digits, enlarged so that what happens to them can be seen; float32 in [0, 1]."""
    examples = tftrain.data.load("digits").train
    x, y = examples.take([3, 9, 1, 8]).x, examples.take([3, 9, 1, 8]).y
    return np.kron(x, np.ones((1, 12, 12, 1), np.float32)), y


def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Squares out of the photographs that come with scikit-learn: temple 0, flower 1; uint8."""
    temple, flower = load_sample_images().images
    squares = temple[40:400, 60:420], temple[100:290, 120:310], flower[30:420, 150:540]
    squares = (*squares, flower[100:350, 230:480])
    steps = [np.linspace(0, len(one) - 1, SIDE).astype(int) for one in squares]
    images = [one[np.ix_(step, step)] for one, step in zip(squares, steps, strict=True)]
    return np.stack(images), np.array([0, 0, 1, 1])


def row(name: str) -> list[tuple[np.ndarray, str]]:
    """Eight pictures and what is written over them."""
    shown = []
    for (images, labels), classes in ((digits(), 10), (photographs(), 2)):
        if name in augment.names():
            settings = SETTINGS.get(name, {}) | ({"classes": classes} if name in LABELLED else {})
            images, labels = getattr(augment, name)(images, labels, seed=8, **settings)
        titles = [written(label) for label in np.asarray(labels)]
        shown += zip(np.asarray(images), titles, strict=True)
    return shown


def written(label: np.ndarray) -> str:
    """A class, or the classes that a label gives more than a little to."""
    if label.ndim == 0:
        return str(label)
    return ", ".join(f"{number}: {share:.2f}" for number, share in enumerate(label) if share > 0.05)


if __name__ == "__main__":
    rows = ["as given", *augment.names()]
    figure = Figure(figsize=(11.3, len(rows) * 1.42), layout="constrained")
    for name, line in zip(rows, figure.subplots(len(rows), 8), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
        for axes, (image, title) in zip(line, row(name), strict=True):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
            axes.set_title(title, fontsize=7, pad=2)
            axes.set(xticks=[], yticks=[])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=56)
    with replace_file(Path(__file__).with_suffix(".png")) as temporary:
        coarse = np.array(Image.open(drawn).convert("RGB")) | 7  # half the bytes
        Image.fromarray(coarse).save(temporary, optimize=True)
