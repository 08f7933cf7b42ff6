"""Linear regression by gradient descent and by Adam, from their formulas, checked against Keras.

    python recipes/linear_regression.py
    python recipes/linear_regression.py --dataset=digits     # a digit's value from its pixels

Time: about ten seconds.
Expected: both rules stay within 1e-5 of Keras at every step (measured: 1e-7 and 3e-6), and the
loss comes down to its minimum, 0.125571: gradient descent to within 3e-8, Adam to 1e-14.

With n points x_i (rows of X) and targets y_i the loss is the mean squared error
J(theta) = (1/n) |X theta - y|^2, and its gradient g = (2/n) X^T (X theta - y).

Gradient descent:  theta <- theta - a g
Adam:              m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2,
                   theta <- theta - a_t m / (sqrt(v) + e),   a_t = a sqrt(1 - b2^t) / (1 - b1^t)

Texts sometimes add Adam's step instead of subtracting it, or leave out a_t, which corrects the
bias of m and v towards their start at zero: the one climbs, the other begins too fast.

Reference: Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015. Algorithm 1
there puts e beside the corrected sqrt(v / (1 - b2^t)); Keras, and so this recipe, takes the form
given at the end of its section 2, with e beside sqrt(v).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags
from matplotlib.figure import Figure
from sklearn.datasets import make_regression
from sklearn.preprocessing import StandardScaler

import tftrain
from tftrain.atomic import replace_file
from tftrain.keras_api import keras, tf  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "made", ["made", "digits"], "what to fit")
EPOCHS = flags.DEFINE_integer("epochs", 300, "steps, each on all the data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/linear_regression", "folder for the plot")
SEED = flags.DEFINE_integer("seed", 0, "of the data", lower_bound=0)

RATE, BETA_1, BETA_2, EPSILON = 0.05, 0.9, 0.999, 1e-7
TOLERANCE = 1e-5

State = tuple[tf.Tensor, tf.Tensor]
Rule = Callable[[tf.Tensor, tf.Tensor, State, int], tuple[tf.Tensor, State]]


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """x `[N, features]` and y `[N, 1]`, each column of mean 0 and variance 1: no intercept."""
    if DATASET.value == "digits":
        train = tftrain.data.load("digits", validation=0).train
        x, y = train.x.reshape(len(train), -1), train.y
    else:
        # A low effective rank makes the features correlated and J a valley, long and narrow.
        x, y = make_regression(
            n_samples=1000,
            n_features=8,
            n_informative=8,
            effective_rank=1,
            noise=1.0,
            random_state=SEED.value,
        )
    x, y = (StandardScaler().fit_transform(part) for part in (x, y[:, np.newaxis]))
    return x.astype(np.float32), y.astype(np.float32)


def loss(x: np.ndarray, y: np.ndarray, theta: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean((x @ theta - y) ** 2)


def gradient(x: np.ndarray, y: np.ndarray, theta: tf.Tensor) -> tf.Tensor:
    return 2 / len(x) * tf.transpose(x) @ (x @ theta - y)


def gradient_descent(
    theta: tf.Tensor, g: tf.Tensor, state: State, step: int
) -> tuple[tf.Tensor, State]:
    return theta - RATE * g, state


def adam(theta: tf.Tensor, g: tf.Tensor, state: State, step: int) -> tuple[tf.Tensor, State]:
    m, v = state
    m = BETA_1 * m + (1 - BETA_1) * g
    v = BETA_2 * v + (1 - BETA_2) * g**2
    rate = RATE * (1 - BETA_2**step) ** 0.5 / (1 - BETA_1**step)
    return theta - rate * m / (tf.sqrt(v) + EPSILON), (m, v)


def keras_step(
    x: np.ndarray, y: np.ndarray, variable: keras.Variable, optimizer: keras.optimizers.Optimizer
) -> None:
    """The same step by Keras, its gradient found by TensorFlow instead of by our formula."""
    with tf.GradientTape() as tape:
        value = loss(x, y, variable.value)
    optimizer.apply([tape.gradient(value, variable.value)], [variable])


def minimise(
    rule: Rule, optimizer: keras.optimizers.Optimizer, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, float]:
    """Takes every step twice, by our rule and by Keras, each going its own way from zero.

    Returns:
        theta before each step and after the last, `[steps + 1, features]`; how far the two ever
        were apart.

    Raises:
        TftrainError: The two were more than TOLERANCE apart after some step.
    """
    theta = tf.zeros((x.shape[1], 1))
    state = (tf.zeros_like(theta), tf.zeros_like(theta))
    variable = keras.Variable(theta)
    path, largest = [theta], 0.0
    for step in range(1, EPOCHS.value + 1):
        theta, state = rule(theta, gradient(x, y, theta), state, step)
        keras_step(x, y, variable, optimizer)
        difference = float(tf.reduce_max(tf.abs(theta - variable.value)))
        if not difference <= TOLERANCE:
            raise tftrain.errors.TftrainError(
                f"step {step}: {rule.__name__} is {difference:.1e} from Keras's "
                f"{optimizer.name}; expected at most {TOLERANCE:.0e}"
            )
        path.append(theta)
        largest = max(largest, difference)
    return np.array(path)[..., 0], largest


def in_double(x: np.ndarray, y: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The loss at each theta `[steps, features]`; single precision would hide the last of it."""
    return ((x.astype(np.float64) @ path.T.astype(np.float64) - y) ** 2).mean(axis=0)


def smallest_loss(x: np.ndarray, y: np.ndarray) -> float:
    """The loss of the least-squares solution."""
    solution, *_ = np.linalg.lstsq(x.astype(np.float64), y.astype(np.float64))
    return float(in_double(x, y, solution.T)[0])


def plot(curves: dict[str, np.ndarray], optimum: float, path: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, losses in curves.items():
        axes.semilogy(losses - optimum, label=name)
    axes.set(
        xlabel="step",
        ylabel="mean squared error above its minimum",
        title=f"Linear regression, learning rate {RATE}",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def main(_: list[str]) -> None:
    x, y = load_data()
    out = tftrain.app.output_folder(OUT.value)
    optimum = smallest_loss(x, y)
    curves, figures = {}, {}
    for rule, optimizer in (
        (gradient_descent, keras.optimizers.SGD(RATE)),
        (adam, keras.optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON)),
    ):
        path, difference = minimise(rule, optimizer, x, y)
        name = rule.__name__.replace("_", " ")
        losses = curves[name] = in_double(x, y, path)
        print(
            f"{name}: mean squared error {losses[0]:.4f} -> {losses[-1]:.8f}; "
            f"at most {difference:.1e} from keras.optimizers.{type(optimizer).__name__}"
        )
        figures[f"{name}, difference from Keras"] = difference
        figures[f"{name}, loss above the minimum"] = losses[-1] - optimum
    print(f"least squares: mean squared error {optimum:.8f}")
    tftrain.app.write_result(out, figures)
    plot(curves, optimum, out / "convergence.png")
    print(f"plot: {out / 'convergence.png'}")


if __name__ == "__main__":
    tftrain.app.run(main)
