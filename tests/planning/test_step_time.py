"""The time of a step, against what single layers and links make of it."""

import pytest

from tests.planning.small_models import LINK, layer, machine, model, only
from tftrain import planning
from tftrain.planning import collectives

FOUR = model(*(layer(str(number)) for number in range(4)))
WHOLE = 4 * 10_000  # its parameters


def seconds(profile, machine, training, **split):
    return planning.plan(profile, machine, training, allowed=only(**split)).best.seconds


def test_servers_hold_all_stages_of_all_replicas():
    training = planning.Training(8, exchange="ps")
    both = (4 + 4) * WHOLE  # gradients and weights in float32
    staged = seconds(FOUR, machine(8), training, data=2, stages=4, micro_batches=4)
    assert staged.exchange == pytest.approx(2 * both / LINK.bandwidth + 2 * LINK.latency)


def test_a_worker_s_own_link_carries_its_stage_alone():
    training = planning.Training(8, exchange="ps", servers=1000)
    staged = seconds(FOUR, machine(4), training, stages=4, micro_batches=4)
    stage = (4 + 4) * WHOLE / 4
    assert staged.exchange == pytest.approx(stage / LINK.bandwidth + 2 * LINK.latency)


def test_servers_are_no_devices_of_a_host():
    training = planning.Training(8, exchange="ps")
    host = machine(4, inner=planning.Link(1e12), per_host=4)
    assert (
        seconds(FOUR, host, training, data=4).exchange
        == seconds(FOUR, machine(4), training, data=4).exchange
    )


def test_only_the_last_micro_batch_hides_the_exchange():
    training = planning.Training(16, overlap=1.0)
    slow = machine(2, link=planning.Link(1e5))
    exchange = seconds(FOUR, slow, planning.Training(16), data=2, micro_batches=4).exchange
    found = seconds(FOUR, slow, training, data=2, micro_batches=4)
    assert found.exchange == pytest.approx(exchange - 2 / 3 * found.compute / 4)


def test_what_is_computed_again_is_reduced_again():
    split = model(
        layer(split=10_000, divisor=8, reduced_forward=50, reduced_backward=30, reductions=2)
    )
    plain, full = (
        seconds(split, machine(4), planning.Training(16, remat=remat), tensor=4).tensor
        for remat in ("none", "full")
    )
    forward = 2 * collectives.ring_all_reduce(4 * 25 * 16, 4, LINK)
    assert plain == pytest.approx(forward + 2 * collectives.ring_all_reduce(4 * 15 * 16, 4, LINK))
    assert full == pytest.approx(plain + forward)


def test_a_step_of_which_nothing_takes_time_is_shown():
    idle = planning.plan(model(layer(flops=0.0)), machine(), 1)
    assert " inf " in str(idle)
    assert idle.best.why.startswith("0% of a step")
