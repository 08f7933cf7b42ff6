"""Plans: what they hold, how they are ranked, what is said when none fits."""

import dataclasses
import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planning.small_models import GIB, LINK, layer, machine, model, only
from tftrain import planning, quantities
from tftrain.errors import ConfigError, PlanError, UnknownName
from tftrain.planning import collectives, scaling, scaling_plot
from tftrain.planning.stages import cut


def test_memory_is_sixteen_bytes_a_parameter_as_zero_counts():
    """Rajbhandari et al., section 3.1: 2 + 2 + 12 bytes with Adam in mixed precision."""
    training = planning.Training(1, precision="half_with_master")
    memory = planning.plan(model(), machine(), training).best.memory
    assert memory.weights + memory.gradients + memory.slots == 16 * 100 * 100


@pytest.mark.parametrize(
    ("optimizer", "slots"), [("sgd", 0), ("momentum", 1), ("adam", 2), ("adafactor", 1.02)]
)
def test_slots_are_as_many_as_the_optimizer_keeps(optimizer, slots):
    training = planning.Training(1, optimizer=optimizer)
    assert planning.plan(model(), machine(), training).best.memory.slots == 4 * 10_000 * slots


def test_the_model_s_own_optimizer_is_the_default():
    best = planning.plan(model(slots=1.0), machine(), 1).best
    assert best.memory.slots == 4 * 10_000


def test_a_step_of_one_device_is_its_operations():
    best = planning.plan(model(), machine(), 10).best
    assert best.seconds == planning.StepSeconds(compute=3 * 10 * 1e6 / 1e9)


def test_replicas_share_the_batch_and_exchange_gradients():
    best = planning.plan(model(), machine(4), 16, allowed=only(data=4)).best
    assert best.seconds.compute == 3 * 4 * 1e6 / 1e9
    assert best.seconds.exchange == collectives.ring_all_reduce(40_000, 4, LINK)


def test_codecs_shrink_the_exchange_and_gathered_ones_grow_with_replicas():
    def exchange(devices, gathered):
        codec = planning.GradientCodec("any", 0.1, gathered)
        training = planning.Training(64, codec=codec)
        fast = machine(devices, link=planning.Link(1e9))
        plans = planning.plan(model(), fast, training, allowed=only(data=devices))
        return plans.best.seconds.exchange

    assert exchange(2, False) == exchange(2, True) == pytest.approx(4000 / 1e9)
    assert exchange(64, True) == pytest.approx(63 * 4000 / 1e9)
    assert exchange(64, False) < 2 * 4000 / 1e9


def test_servers_share_the_traffic_of_all_workers():
    def exchange(servers):
        training = planning.Training(8, exchange="ps", servers=servers)
        return planning.plan(model(), machine(8), training, allowed=only(data=8)).best.seconds

    assert exchange(1).exchange == pytest.approx(8 * 80_000 / 1e9 + 2e-4)
    assert exchange(4).exchange == pytest.approx(2 * 80_000 / 1e9 + 2e-4)


def test_a_tensor_axis_splits_parameters_and_reduces_activations():
    split = layer(split=10_000, divisor=8, reduced_forward=50.0, reductions=1)
    plans = planning.plan(model(split), machine(4), 16, allowed=only(tensor=4))
    assert plans.best.memory.weights == 40_000 / 4
    assert plans.best.seconds.tensor == collectives.ring_all_reduce(4 * 50 * 16, 4, LINK)


def test_an_axis_that_does_not_divide_splits_nothing():
    with pytest.raises(ConfigError, match="no way to share 3 devices"):
        planning.plan(model(layer(split=10_000, divisor=8)), machine(3), 3, allowed=only(tensor=3))


def test_the_bubble_of_a_pipeline_is_that_of_gpipe():
    four = model(*(layer(str(number)) for number in range(4)))
    free = machine(4, link=planning.Link(1e30))
    best = planning.plan(four, free, 8, allowed=only(stages=4, micro_batches=8)).best
    share = best.seconds.bubble / best.step_seconds
    assert share == pytest.approx(3 / (8 + 3))


@pytest.mark.parametrize(("schedule", "under_way"), [("gpipe", 8), ("1f1b", 2)])
def test_schedules_differ_in_what_is_under_way(schedule, under_way):
    two = model(*(layer(str(number), kept=planning.Kept(1000)) for number in range(2)))
    training = planning.Training(8, schedule=schedule)
    plans = planning.plan(two, machine(2), training, allowed=only(stages=2, micro_batches=8))
    assert plans.best.memory.activations == under_way * 4000


def test_rematerialization_trades_memory_for_operations():
    deep = model(*(layer(str(number), kept=planning.Kept(1000)) for number in range(8)))
    plain, full = (
        planning.plan(deep, machine(), planning.Training(4, remat=remat), allowed=only()).best
        for remat in ("none", "full")
    )
    assert full.memory.activations < plain.memory.activations
    assert full.seconds.compute == pytest.approx(4 / 3 * plain.seconds.compute)


def test_overlap_hides_the_exchange_behind_the_backward_pass():
    training = planning.Training(16, overlap=1.0)
    best = planning.plan(model(), machine(4), training, allowed=only(data=4)).best
    assert best.seconds.exchange == 0


def test_links_within_hosts_are_used_by_groups_that_fit_them():
    inner = planning.Link(1e12)
    hosts = machine(8, inner=inner, per_host=4)
    assert (hosts.link_of(4), hosts.link_of(8)) == (inner, LINK)


WORKS = st.lists(st.floats(0, 10), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(WORKS, st.integers(1, 8))
def test_cuts_keep_all_layers_in_order_and_leave_no_stage_empty(works, stages):
    layers = [layer(str(number), flops) for number, flops in enumerate(works)]
    found = cut(layers, min(stages, len(works)), lambda each: each.flops)
    assert [each for stage in found for each in stage] == layers
    assert len(found) == min(stages, len(works))
    assert all(found)


@settings(max_examples=40, deadline=None)
@given(WORKS, st.integers(1, 8))
def test_no_other_cuts_have_a_smaller_largest_stage(works, stages):
    stages = min(stages, len(works))
    layers = [layer(str(number), flops) for number, flops in enumerate(works)]
    found = cut(layers, stages, lambda each: each.flops)
    inner = itertools.combinations(range(1, len(works)), stages - 1)
    least = min(
        max(sum(works[a:b]) for a, b in itertools.pairwise([0, *places, len(works)]))
        for places in inner
    )
    largest = max(sum(each.flops for each in stage) for stage in found)
    assert largest == pytest.approx(least, rel=1e-6, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 24), st.integers(1, 64))
def test_plans_use_no_more_than_there_is_and_are_ranked(devices, batch):
    plans = planning.plan(planning.profile("1e8"), machine(devices, memory=80 * GIB), batch)
    ranked = [plan.step_seconds for plan in plans.feasible]
    assert ranked == sorted(ranked)
    for plan in (*plans.feasible, *plans.refused):
        assert plan.devices <= devices
        assert plan.data * plan.micro_batches <= batch
        assert plan.fits == (plan in plans.feasible)


def test_nothing_that_fits_says_what_is_short_and_what_would_help():
    small = machine(2, memory=100_000)
    with pytest.raises(PlanError) as caught:
        _ = planning.plan(model(), small, 4).best
    said = str(caught.value)
    assert "model does not fit 2 devices of 97.7 KiB" in said
    assert "is short of 59.4 KiB" in said
    assert "weights 39.1 KiB, gradients 39.1 KiB, slots 78.1 KiB" in said
    assert "the optimizer sgd without momentum" in said
    assert "4 devices" not in said  # a single layer cannot be shared among more


def test_remedies_keep_to_what_came_into_question():
    two = model(*(layer(str(number)) for number in range(2)))
    tried = planning.plan(two, machine(2, memory=200_000), 4, allowed=lambda s: s.stages == 1)
    with pytest.raises(PlanError) as caught:
        _ = tried.best
    assert "4 devices" not in str(caught.value)  # four would fit as stages alone
    assert "the optimizer sgd" in str(caught.value)


def test_the_memory_that_would_help_is_enough():
    for parameters in range(9_900, 10_000, 9):
        profile = planning.ModelProfile(
            "any", (planning.LayerProfile("one", ((parameters,),), flops=1.0),)
        )
        with pytest.raises(PlanError) as caught:
            _ = planning.plan(profile, machine(memory=1000), 1).best
        shown = re.search(r"([\d.]+ KiB) a device", str(caught.value))[1]
        assert planning.plan(profile, machine(memory=quantities.size(shown)), 1).feasible


def test_of_smaller_batches_the_largest_is_told():
    kept = model(layer(kept=planning.Kept(10_000)))
    with pytest.raises(PlanError) as caught:
        _ = planning.plan(kept, machine(memory=250_000), planning.Training(4, accumulation=1)).best
    assert str(caught.value).count("a batch of") == 1
    assert "a batch of 2" in str(caught.value)


def test_remedies_are_those_that_work():
    large = planning.Machine.of("a100-80", devices=8, bandwidth="200Gbit/s", per_host=8)
    training = planning.Training(64, precision="half_with_master", remat="selective")
    with pytest.raises(PlanError) as caught:
        _ = planning.plan(planning.profile("1.75e11"), large, training).best
    assert "64 devices" in str(caught.value)
    enough = dataclasses.replace(large, devices=64)
    assert planning.plan(planning.profile("1.75e11"), enough, training).feasible
    fewer = dataclasses.replace(large, devices=32)
    assert not planning.plan(planning.profile("1.75e11"), fewer, training).feasible


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (lambda: planning.Training(0), ConfigError, "batch is 0"),
        (lambda: planning.Training(1, overlap=2), ConfigError, "overlap is 2"),
        (lambda: planning.Training(1, precision="fp8"), UnknownName, "unknown precision 'fp8'"),
        (lambda: planning.Training(1, optimizer="adm"), UnknownName, "did you mean 'adam'"),
        (
            lambda: planning.Machine.of("a100", devices=1, bandwidth="1Gbit/s"),
            UnknownName,
            "did you mean 'a100-",
        ),
    ],
)
def test_wrong_settings_are_named(made, error, said):
    with pytest.raises(error) as caught:
        made()
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def grown():
    cluster = planning.Machine.of("v100-32", devices=8, bandwidth="10Gbit/s")
    codec = planning.GradientCodec("small", 0.02)
    return scaling.scaling(
        planning.profile("1e8"), cluster, planning.Training(64), codecs=[codec], most=64
    )


def test_scaling_begins_where_the_model_fits_and_keeps_examples_a_device(grown):
    whole, small = grown.curves
    assert [point.devices for point in whole.points] == [2**power for power in range(7)]
    assert [point.plan.batch for point in whole.points] == [8 * 2**power for power in range(7)]
    assert all(0 < point.efficiency <= 1 for curve in grown.curves for point in curve.points)
    assert small.points[-1].efficiency > whole.points[-1].efficiency
    assert json.loads(json.dumps(grown.as_dict()))["curves"]["small"][0]["devices"] == 1


def test_scaling_is_drawn_with_a_line_a_codec(grown):
    left, right = scaling_plot.throughput_and_efficiency(grown).axes
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["no waiting", "uncompressed", "small"]
    assert list(right.lines[1].get_xdata()) == [2**power for power in range(7)]


def test_a_model_too_large_for_any_number_is_refused():
    tiny = machine(memory=1000)
    with pytest.raises(PlanError, match="fits no number of devices up to 4"):
        scaling.scaling(model(), tiny, planning.Training(1), most=4)
