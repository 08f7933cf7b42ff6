import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tftrain.distribute.pipeline import orders
from tftrain.distribute.pipeline.schedules import Pass, Schedule

SIZES = some.tuples(some.sampled_from(orders.NAMES), some.integers(2, 5), some.integers(1, 9))


@settings(max_examples=30, deadline=None)
@given(SIZES)
def test_every_pass_comes_once_and_after_what_it_needs(size):
    order, stages, micro_batches = size
    done = set()
    for work in orders.of_all(order, stages, micro_batches):
        assert orders.needs(work, stages) <= done
        done.add(work)
    assert len(done) == 2 * stages * micro_batches


@settings(max_examples=30, deadline=None)
@given(SIZES)
def test_equal_passes_leave_the_ideal_bubble(size):
    order, stages, micro_batches = size
    length = {"forward": 1.0, "backward": 2.0}
    works = orders.of_all(order, stages, micro_batches)
    passes = tuple(Pass(work, 0.0, length[work.direction]) for work in works)
    replayed = Schedule(order, stages, micro_batches, passes).replayed()
    assert replayed.bubble == pytest.approx(orders.ideal_bubble(stages, micro_batches))


@settings(max_examples=30, deadline=None)
@given(SIZES)
def test_1f1b_keeps_no_more_micro_batches_than_stages_follow(size):
    _, stages, micro_batches = size
    kept = orders.most_kept("1f1b", stages, micro_batches)
    assert kept == [min(stages - stage, micro_batches) for stage in range(stages)]


def test_uneven_stages_make_a_bubble_of_their_own():
    works = orders.of_all("gpipe", 2, 4)
    passes = tuple(Pass(work, 0.0, 1.0 + 2 * work.stage) for work in works)
    schedule = Schedule("gpipe", 2, 4, passes)
    assert schedule.balance_bubble > 1.5 * schedule.ideal_bubble
    assert schedule.replayed(even=True).bubble == pytest.approx(schedule.ideal_bubble)
