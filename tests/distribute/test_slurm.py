import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tftrain.distribute import clusters, slurm
from tftrain.errors import ClusterError


def step(nodes, tasks="1", rank=0, **more):
    """What srun sets in a task."""
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": tasks,
        "SLURM_PROCID": str(rank),
        **{name: str(value) for name, value in more.items()},
    }


def hostlist(names):
    """Slurm's compression of runs of numbered names, written independently of the reader."""
    parts = []
    for width, run in itertools.groupby(names, key=len):
        numbers = [int(name) for name in run]
        ranges, start = [], 0
        for end in range(1, len(numbers) + 1):
            if end == len(numbers) or numbers[end] != numbers[end - 1] + 1:
                first, last = numbers[start], numbers[end - 1]
                ranges.append(f"{first:0{width}}" + (f"-{last:0{width}}" if last > first else ""))
                start = end
        parts.append(f"n[{','.join(ranges)}]")
    return ",".join(parts)


@given(st.lists(st.tuples(st.integers(0, 120), st.integers(1, 4)), min_size=1, max_size=30))
def test_expanding_a_compressed_list_gives_the_list(numbers):
    names = [f"{number:0{width}}" for number, width in numbers]
    assert slurm.expand_hostlist(hostlist(names)) == [f"n{name}" for name in names]


@given(st.lists(st.from_regex(r"[a-z][a-z0-9.-]{0,9}", fullmatch=True), min_size=1, max_size=9))
def test_plain_names_stay(names):
    assert slurm.expand_hostlist(",".join(names)) == names


def test_order_is_the_nodes_order_not_the_alphabets():
    hosts = slurm.expand_hostlist("n[1-12,15]")
    assert hosts == [f"n{number}" for number in (*range(1, 13), 15)]


def test_zeros_and_suffixes_and_several_brackets():
    assert slurm.expand_hostlist("gpu[008-010]-ib") == ["gpu008-ib", "gpu009-ib", "gpu010-ib"]
    assert slurm.expand_hostlist("r[1-2]n[3,5]") == ["r1n3", "r1n5", "r2n3", "r2n5"]


@pytest.mark.parametrize("text", ["", "n[1-", "n[3-1]", "n[a-b]", "n1]", "n[]", "n[[1]]"])
def test_bad_hostlists(text):
    with pytest.raises(ClusterError, match="not a Slurm hostlist"):
        slurm.expand_hostlist(text)


def test_rank_1_of_twelve_nodes_is_the_second_node():
    cluster = slurm.from_environment(step("n[1-12]", "1(x12)", rank=1))
    assert cluster.address.startswith("n2:")
    assert [address.split(":")[0] for address in cluster.workers[-2:]] == ["n11", "n12"]


def test_several_tasks_a_node_get_ports_of_their_own():
    made = [slurm.from_environment(step("a,b", "2,1", rank, TFTRAIN_PORT=9000)) for rank in (0, 2)]
    assert made[0].workers == ("a:9000", "a:9001", "b:9000")
    assert made[1].address == "b:9000"


def test_cyclic_distribution_deals_ranks_round_the_nodes():
    environ = step("a,b", "2(x2)", 2, SLURM_DISTRIBUTION="cyclic", TFTRAIN_PORT=9000)
    cluster = slurm.from_environment(environ)
    assert cluster.workers == ("a:9000", "b:9000", "a:9001", "b:9001")


def test_unknown_distribution_says_what_to_do():
    with pytest.raises(ClusterError, match="--distribution=block"):
        slurm.from_environment(step("a,b", "1(x2)", SLURM_DISTRIBUTION="plane"))


def test_contradicting_place_is_refused():
    with pytest.raises(ClusterError, match="runs on node 0"):
        slurm.from_environment(step("a,b", "1(x2)", 1, SLURM_NODEID=0, SLURM_LOCALID=1))


def test_ports_differ_from_job_to_job_and_stay_below_the_ephemeral_range():
    ports = set()
    for job in range(500, 1500):
        cluster = slurm.from_environment(step("a", "16", SLURM_JOB_ID=job))
        ports.update(cluster.workers)
    assert len(ports) == 16 * 1000
    assert max(int(one.split(":")[1]) for one in ports) < 32768


def test_ports_reserved_by_slurm_are_used():
    cluster = slurm.from_environment(step("a,b", "2,1", SLURM_STEP_RESV_PORTS="12005-12006"))
    assert cluster.workers == ("a:12005", "a:12006", "b:12005")


def test_a_batch_script_is_not_a_task():
    assert slurm.from_environment({"SLURM_JOB_ID": "1", "SLURM_PROCID": "0"}) is None


def test_rank_out_of_range():
    with pytest.raises(ClusterError, match="SLURM_PROCID is 2"):
        slurm.from_environment(step("a,b", "1(x2)", rank=2))


def test_tasks_that_contradict_the_nodes():
    with pytest.raises(ClusterError, match="about 3 nodes"):
        slurm.from_environment(step("a,b", "1(x3)"))


def test_detect_reads_slurm():
    cluster, source = clusters.detect(step("a,b", "1(x2)", rank=1))
    assert (source, cluster.name) == ("Slurm", "worker 1")
