"""Whatever is sent, the answer is JSON with a status that fits, and the server lives on."""

import http.client
import json
import shutil

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.serve.rest_servers import running

FINE = 200
REFUSED = (400, 404, 501)
SIGNATURES = ["serving_default", "two", "strings", "positive", "mean", "classify", "regress"]
NUMBERS = st.integers(-3, 3) | st.floats() | st.sampled_from([2**24, 2**63, 2**64, -(2**70), 1e300])
LEAVES = (
    NUMBERS
    | st.none()
    | st.booleans()
    | st.sampled_from(["", "a", "é", "\n"])
    | st.sampled_from([{"b64": "QUI="}, {"b64": "?"}, {"b64": 1}])
)
NAMES = st.sampled_from(["inputs", "a", "b", "x", "b64", "", "é"])
VALUES = st.recursive(
    LEAVES,
    lambda of: st.lists(of, max_size=3) | st.dictionaries(NAMES, of, max_size=3),
    max_leaves=5,
)
PAIRS = st.lists(st.lists(NUMBERS, min_size=2, max_size=2), max_size=3)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "instances": VALUES | PAIRS,
        "inputs": VALUES | PAIRS | st.fixed_dictionaries({"a": PAIRS, "b": PAIRS}),
        "examples": VALUES | st.lists(st.fixed_dictionaries({"x": VALUES}), max_size=3),
        "context": VALUES,
        "signature_name": st.sampled_from(SIGNATURES) | VALUES,
    },
)
BODIES = (
    DOCUMENTS.map(json.dumps).map(str.encode)
    | st.binary(max_size=40)
    | st.text(alphabet='{}[]":,\\ 1e.-ntu', max_size=40).map(str.encode)
)
METHODS = st.sampled_from(["predict", "classify", "regress"])
PIECES = st.sampled_from(
    ["v1", "models", "sample", "versions", "labels", "metadata", "1", "9" * 30, ":predict", "%2F",
     "%00", "%ff", "..", "metrics", "readyz"]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)  # fmt: skip
PATHS = st.lists(PIECES, max_size=7).map(lambda pieces: "/" + "/".join(pieces))
VERBS = st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH"])


@pytest.fixture(scope="module")
def send(exported, tmp_path_factory):
    base = tmp_path_factory.mktemp("base") / "sample"
    shutil.copytree(exported / "1", base / "1")
    with running({"sample": base}) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=10)

        def send(verb, path, body):
            connection.request(verb, path, body)
            response = connection.getresponse()
            return response.status, response.read()

        yield send
        status, _ = send("POST", "/v1/models/sample:predict", b'{"instances": [[1, 2]]}')
        connection.close()
        assert status == FINE


@pytest.fixture(autouse=True)
def nothing_unforeseen(capfd):
    yield
    assert capfd.readouterr().err == ""


@settings(max_examples=800, deadline=None)
@given(METHODS, BODIES)
@example("predict", b"[" * 100_000)
@example("predict", b'{"instances": ' + b"[" * 900 + b"]" * 900 + b"}")
@example("classify", b'{"examples": [{"x": ' + b"[" * 900 + b"]" * 900 + b"}]}")
@example("predict", b'{"instances": [' + b"1" * 5000 + b"]}")
def test_bodies(send, method, body):
    status, answer = send("POST", f"/v1/models/sample:{method}", body)
    keys = set(json.loads(answer))
    if status == FINE:
        assert keys in ({"predictions"}, {"outputs"}, {"results"})
    else:
        assert status in REFUSED
        assert keys == {"error"}


@settings(max_examples=300, deadline=None)
@given(VERBS, PATHS)
def test_paths(send, verb, path):
    status, answer = send(verb, path, b"{}")
    if verb == "HEAD":
        assert answer == b""
    elif status != FINE:
        assert set(json.loads(answer)) == {"error"}
    assert status == FINE or status in REFUSED
