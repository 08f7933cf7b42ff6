"""Manifests are parsed back, and what they set in a pod is read by the cluster detection."""

import pytest
import yaml

from tftrain.distribute import clusters, manifests, restarts
from tftrain.distribute.manifests import Job
from tftrain.errors import ConfigError, UnknownName


def documents(kind, **fields):
    job = Job(**{"command": ["python", "t.py"], "image": "team/train:1", "workers": 2, **fields})
    return list(yaml.safe_load_all(manifests.manifest(kind, job)))


def environment(container, index):
    """What a pod of this container sees; the index is set by Kubernetes."""
    variables = {one["name"]: one["value"] for one in container["env"]}
    return {**variables, "JOB_COMPLETION_INDEX": str(index)}


def names(container, count):
    return [clusters.detect(environment(container, index))[0].name for index in range(count)]


def test_tfjob():
    (job,) = documents("tfjob", max_restarts=4)
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert job["spec"]["runPolicy"]["backoffLimit"] == 4
    replicas = job["spec"]["tfReplicaSpecs"]
    assert set(replicas) == {"Worker"}
    assert (replicas["Worker"]["replicas"], replicas["Worker"]["restartPolicy"]) == (2, "ExitCode")
    (container,) = replicas["Worker"]["template"]["spec"]["containers"]
    assert container["name"] == "tensorflow"
    assert container["ports"] == [{"name": "tfjob-port", "containerPort": 2222}]
    assert (container["command"], container["image"]) == (["python", "t.py"], "team/train:1")


def test_tfjob_leaves_the_cluster_to_the_operator():
    (job,) = documents("tfjob")
    (container,) = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert clusters.detect(environment(container, 0)) is None


def test_tfjob_with_servers_has_a_chief():
    (job,) = documents("tfjob", ps=1)
    replicas = job["spec"]["tfReplicaSpecs"]
    assert {role: spec["replicas"] for role, spec in replicas.items()} == {
        "Chief": 1,
        "Worker": 2,
        "PS": 1,
    }


def test_job_and_its_service_agree():
    service, job = documents("job", name="digits")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert job["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"]
    assert job["spec"]["completionMode"] == "Indexed"
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2


def test_pods_of_a_job_find_one_another():
    _, job = documents("job", name="digits")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    cluster, source = clusters.detect(environment(container, 1))
    assert source == "Kubernetes"
    assert cluster.workers == ("digits-0.digits:2222", "digits-1.digits:2222")
    assert container["ports"][0]["containerPort"] == 2222


@pytest.mark.parametrize("kind", ["job", "trainer"])
def test_roles_with_servers(kind):
    container = pod_container(kind, ps=1)
    assert names(container, 4) == ["chief 0", "worker 0", "worker 1", "ps 0"]


def pod_container(kind, **fields):
    made = documents(kind, **fields)
    if kind == "job":
        return made[1]["spec"]["template"]["spec"]["containers"][0]
    (node,) = made[0]["spec"]["template"]["spec"]["replicatedJobs"]
    return node["template"]["spec"]["template"]["spec"]["containers"][0]


def test_trainer_brings_its_own_runtime():
    runtime, train = documents("trainer", name="digits", workers=3)
    assert train["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"]
    assert train["spec"]["runtimeRef"]["kind"] == runtime["kind"] == "TrainingRuntime"
    assert runtime["spec"]["mlPolicy"]["numNodes"] == train["spec"]["trainer"]["numNodes"] == 3


def test_trainer_pods_are_named_as_jobset_names_them():
    cluster, _ = clusters.detect(environment(pod_container("trainer", name="digits"), 0))
    assert cluster.workers[1] == "digits-node-0-1.digits:2222"


@pytest.mark.parametrize("kind", ["job", "trainer"])
def test_a_pod_that_is_started_again_goes_on_with_its_job(kind):
    first, again = (pod_container(kind, identity="1f0c") for _ in range(2))
    assert environment(first, 0) == environment(again, 0)
    assert restarts.may_be_again(environment(first, 0))
    assert restarts.job(environment(first, 0)) == "tftrain-1f0c"
    assert restarts.job(environment(pod_container(kind), 0)) != "tftrain-1f0c"


def test_pods_that_are_preempted_have_time_and_do_not_count_as_failed():
    _, job = documents("job")
    assert job["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 30
    codes = job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert codes == [138, 143]


def test_unknown_kind():
    with pytest.raises(UnknownName, match="Known: job, tfjob, trainer"):
        documents("tfjobs")


def test_all_problems_at_once():
    with pytest.raises(ConfigError) as caught:
        documents("job", command=[], image="", name="Digits_1", workers=0)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("kind", ["tfjob", "job"])
def test_cores_and_memory_are_requests_limits_and_threads(kind):
    job = documents(kind, cores=4, memory_bytes=1 << 30)[-1]
    spec = job["spec"]
    pod = spec["template"] if kind == "job" else spec["tfReplicaSpecs"]["Worker"]["template"]
    (container,) = pod["spec"]["containers"]
    expected = {"cpu": "4", "memory": "1073741824"}
    assert container["resources"] == {"requests": expected, "limits": expected}
    assert environment(container, 0)["TF_NUM_INTRAOP_THREADS"] == "4"


def test_nothing_is_said_of_resources_unasked():
    (container,) = documents("job")[-1]["spec"]["template"]["spec"]["containers"]
    assert "resources" not in container
