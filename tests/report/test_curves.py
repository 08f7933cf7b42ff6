import numpy as np

from tests.report.sample_pages import metrics
from tftrain.report import curves, resources


def ys(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.lines}


def test_the_schedule_stands_beneath_the_loss_over_the_same_epochs():
    loss, rate = curves.loss_and_rate(metrics(2), [(0.0, 0.1), (1.0, 0.2)]).axes
    assert ys(loss) == {"training": [1.0, 0.5], "validation": [1.2, 0.6]}
    assert ys(rate) == {"schedule": [0.1, 0.2], "as the epochs ended": [0.01, 0.005]}
    assert loss.get_xlim() == rate.get_xlim()


def test_a_rate_that_stays_is_not_drawn_on_the_edge():
    lines = [{**line, "learning_rate": 0.001} for line in metrics(2)]
    _, rate = curves.loss_and_rate(lines, [(0.0, 0.001), (2.0, 0.001)]).axes
    bottom, top = rate.get_ylim()
    assert bottom == 0
    assert 0.00104 < top < 0.002


def test_the_gradient_stands_beneath_the_accuracy():
    accuracy, norms = curves.accuracy_and_gradient(metrics(2)).axes
    assert list(ys(accuracy)) == ["training", "validation"]
    assert ys(norms) == {"mean": [1.5, 1.5], "largest": [2.5, 2.5]}
    assert accuracy.get_xlim() == norms.get_xlim()


def test_what_was_not_measured_has_no_panel():
    bare = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]
    assert len(curves.loss_and_rate(bare, []).axes) == 1
    (accuracy,) = curves.accuracy_and_gradient(bare).axes
    assert list(ys(accuracy)) == ["training"]


def test_the_norms_that_clipping_measures_are_drawn():
    clipped = [{"epoch": 1, "accuracy": 0.5, "gradient_norm": 3.0}]
    _, norms = curves.accuracy_and_gradient(clipped).axes
    assert ys(norms) == {"mean, before clipping": [3.0]}


def test_epochs_that_have_no_number_are_gaps():
    loss, _ = curves.loss_and_rate(metrics(2, loss=None), []).axes
    assert np.isnan(ys(loss)["training"]).all()


def test_epochs_without_resources_stay_empty_in_their_curves():
    used = {"examples_per_second": 1000.0, "cpu_share": 0.5}
    lines = [{"epoch": 1}, {"epoch": 2, "resources": used}]
    (speed,), (shares,) = resources.speed(lines).axes, resources.shares(lines).axes
    assert np.isnan(speed.lines[0].get_ydata()[0])
    assert list(ys(shares)) == ["processor"]
    assert resources.table(lines)[0][1:] == ("1,000",) * 3
