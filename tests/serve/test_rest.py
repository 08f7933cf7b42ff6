import contextlib
import gzip
import json
import logging
import shutil
import socket
import threading
import time

import numpy as np
import pytest
import requests
from google.protobuf import json_format

from tests.serve.rest_servers import running
from tests.serve.sample_versions import LABELS, answer
from tftrain.serve import Limits, Target

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
HEAD = b"POST /v1/models/sample:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 23\r\n\r\n"
CONFIG = """
model_config_list { config {
  name: "sample" base_path: "sample" model_platform: "tensorflow"
  model_version_policy { specific { versions: 1 versions: 2 } }
  version_labels { key: "old" value: 1 }
} }
"""


@pytest.fixture(scope="module")
def base(exported, tmp_path_factory):
    """A base folder with versions 1 and 2, and a label for the older."""
    base = tmp_path_factory.mktemp("base") / "sample"
    for version in ("1", "2"):
        shutil.copytree(exported / version, base / version)
    (base / "models.config").write_text(CONFIG)
    return base


@pytest.fixture(scope="module")
def server(base):
    with running({"sample": base}, limits=Limits(body_bytes=200_000, batch=100)) as server:
        yield server


@pytest.fixture
def post(server):
    """Sends a request to the model; gives status and JSON."""

    def send(document, method="predict", model="sample", **settings):
        url = f"{server.url}/v1/models/{model}:{method}"
        settings.setdefault("data", json.dumps(document).encode())
        return answered(requests.post(url, timeout=20, **settings))

    return send


@pytest.fixture
def get(server):
    return lambda path: answered(requests.get(server.url + path, timeout=20))


def answered(response):
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, response.json()


def test_rows_are_answered_in_rows(post):
    assert post({"instances": X}) == (200, {"predictions": answer(X, 2).tolist()})
    named = {"instances": [{"inputs": row} for row in X]}
    assert post(named) == (200, {"predictions": answer(X, 2).tolist()})


def test_columns_are_answered_in_columns(post):
    assert post({"inputs": X}) == (200, {"outputs": answer(X, 2).tolist()})


def test_several_outputs_have_names(post):
    two = {"signature_name": "two", "inputs": {"a": X[:1], "b": X[:1]}}
    assert post(two) == (200, {"outputs": {"sum": [[2.0, 4.0]], "difference": [[0.0, 0.0]]}})
    rows = {"signature_name": "two", "instances": [{"a": X[0], "b": X[1]}]}
    assert post(rows)[1] == {"predictions": [{"sum": [4.0, 6.0], "difference": [-2.0, -2.0]}]}


def test_strings_go_as_text_and_as_base64(post):
    document = {"signature_name": "strings", "instances": ["ÄB", {"b64": "QUI="}]}
    assert post(document)[1]["predictions"] == [
        {"length": 3, "lower": "Äb"}, {"length": 2, "lower": "ab"},
    ]  # fmt: skip


def test_nan_goes_in_and_comes_out(server):
    response = requests.post(
        f"{server.url}/v1/models/sample:predict", data=b'{"instances": [[NaN, 1]]}', timeout=20
    )
    assert response.text == '{"predictions": [[NaN, 202.0]]}\n'


@pytest.mark.parametrize(
    "model", ["sample/versions/1", "sample/labels/old", "s%61mple/labels/ol%64"]
)
def test_a_version_is_named_by_number_or_by_label(post, model):
    assert post({"inputs": X}, model=model) == (200, {"outputs": answer(X, 1).tolist()})


def test_classes_and_numbers_of_examples(post):
    request = {"signature_name": "classify", "examples": [{"x": [0.0, 0.0, 0.0]}]}
    status, found = post(request, "classify")
    assert status == 200
    assert [name for name, _ in found["results"][0]] == [label.decode() for label in LABELS]
    np.testing.assert_allclose([score for _, score in found["results"][0]], 1 / 3, rtol=1e-6)
    request = {"signature_name": "regress", "context": {"x": [1.0, 2.0, 3.0]}, "examples": [{}]}
    assert post(request, "regress") == (200, {"results": [206.0]})


def test_scores_may_have_no_classes(post):
    request = {"signature_name": "scores_only", "examples": [{"x": [9.0, 0.0, 0.0]}]}
    assert [name for name, _ in post(request, "classify")[1]["results"][0]] == ["", "", ""]


def test_a_long_request_is_answered_as_a_short_one(post):
    rows = np.random.default_rng(0).random((100, 2), np.float32).repeat(1, axis=0)
    padded = json.dumps({"instances": rows.tolist()}).encode() + b" " * 100_000
    status, found = post(None, data=padded)
    assert status == 200
    np.testing.assert_array_equal(np.float32(found["predictions"]), answer(rows, 2))


def test_the_state_of_versions_is_told(get):
    states = {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE",
             "status": {"error_code": "OK", "error_message": ""}}
            for version in ("2", "1")
        ]
    }  # fmt: skip
    assert get("/v1/models/sample") == (200, states)
    (one,) = get("/v1/models/sample/versions/1")[1]["model_version_status"]
    assert one == states["model_version_status"][1]


def test_metadata_hold_the_signatures(get, server):
    from tensorflow.core.protobuf import meta_graph_pb2

    status, found = get("/v1/models/sample/versions/1/metadata")
    assert status == 200
    assert found["model_spec"] == {"name": "sample", "signature_name": "", "version": "1"}
    described = found["metadata"]["signature_def"]["signature_def"]
    _, signatures = server.core.signatures(Target("sample", 1))
    assert described.keys() == signatures.keys()
    for name, signature in signatures.items():
        assert json_format.ParseDict(described[name], meta_graph_pb2.SignatureDef()) == signature
    assert described["serving_default"]["inputs"]["inputs"]["tensor_shape"]["dim"][0] == {
        "size": "-1", "name": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "path", "status", "message"),
    [
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/none", 404, "Could not find any versions of model none"),
        ("GET", "/v1/models/sample/versions/9", 404, "Could not find version 9 of model sample"),
        ("GET", "/v1/models/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("GET", "/v1/models/a/b", 400, "Malformed request: GET /v1/models/a/b"),
        ("GET", "/v1/models/sample:predict", 400, "Malformed request: GET"),
        ("POST", "/v1/models/sample", 400, "Malformed request: POST /v1/models/sample"),
        ("POST", "/v1/models/sample:explain", 400, "Malformed request: POST"),
        ("POST", "/v1/models/none:predict", 404, "Servable not found for request: Latest(none)"),
        ("POST", "/v1/models/sample/versions/9:predict", 404,
         "Servable not found for request: Specific(sample, 9)"),
        ("POST", "/v1/models/sample/labels/new:predict", 400,
         "Unrecognized servable version label: new"),
        ("POST", f"/v1/models/sample/versions/{2**63}:predict", 400,
         f"Failed to convert version: {2**63} to numeric."),
        ("PUT", "/v1/models/sample", 400, "Malformed request: PUT /v1/models/sample"),
        ("DELETE", "/v1/models/sample", 400, "Malformed request: DELETE"),
        ("POST", "/", 404, "Malformed request: POST /"),
        ("GET", "/favicon.ico", 404, "Malformed request: GET /favicon.ico"),
        ("GET", "/v1/%0A%00", 400, "Malformed request: GET /v1/%0A%00"),
    ],
)  # fmt: skip
def test_a_request_for_nothing_there_is(server, verb, path, status, message):
    body = json.dumps({"instances": X})
    received, found = answered(requests.request(verb, server.url + path, data=body, timeout=20))
    assert received == status
    assert found.keys() == {"error"}
    assert message in found["error"]


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"signature_name": "none", "instances": X}, 400,
         'Serving signature name: "none" not found in signature def'),
        ({"instances": [["a", 1.0]]}, 400, 'JSON Value: "a" Type: String is not of expected type'),
        ({"signature_name": "positive", "instances": [[-1.0, 1.0]]}, 400, "a row is negative"),
        ({"instances": [[1.0, 2.0]] * 101}, 400, "larger than maximum input batch size 100"),
        ({"instances": X, "signature_name": "classify"}, 400, "is not of expected type: string"),
        ({"inputs": [1.0, 2.0], "signature_name": "slow"}, 400, "not of expected type: int32"),
    ],
)  # fmt: skip
def test_a_request_that_the_model_cannot_take(post, document, status, message):
    received, found = post(document)
    assert received == status
    assert message in found["error"]


def test_malformed_json_has_a_place(post):
    status, found = post(None, data=b'{"instances": [[1.0, 2.0]')
    assert status == 400
    assert found["error"].startswith("JSON Parse error: ")
    assert found["error"].endswith("offset: 25")


def test_a_body_may_be_compressed(post):
    body = gzip.compress(json.dumps({"inputs": X}).encode())
    assert post(None, data=body, headers={"Content-Encoding": "gzip"})[0] == 200
    status, found = post(None, data=b"not gzip", headers={"Content-Encoding": "gzip"})
    assert status == 400
    assert "cannot be read" in found["error"]


def test_a_body_beyond_the_limit_is_refused_compressed_or_not(post):
    for data, headers in (
        (b" " * 200_001, {}),
        (gzip.compress(b" " * 100_000_000), {"Content-Encoding": "gzip"}),
    ):
        status, found = post(None, data=data, headers=headers)
        assert (status, found["error"]) == (413, "the request has more than 200,000 bytes")


def test_head_and_options_are_answered(server):
    head = requests.head(f"{server.url}/v1/models/sample", timeout=20)
    assert (head.status_code, head.content) == (200, b"")
    options = requests.options(f"{server.url}/v1/models/sample:predict", timeout=20)
    assert (options.status_code, options.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert "Access-Control-Allow-Origin" not in options.headers


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"POST /v1/models/sample:predict HTTP/1.1\r\n"
     b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET / HTTP/9.9\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_http_ends_nothing_and_logs_nothing(server, post, garbage, caplog, capfd):
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(garbage)
        assert b" 400 " in connection.recv(1000).splitlines()[0]
    assert post({"inputs": X})[0] == 200
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_client_that_leaves_ends_nothing(server, post, caplog, capfd):
    for body in (b"", b'{"instances": [[1', b'{"instances": [[1, 2]]}'):
        with socket.create_connection(server.address, timeout=10) as connection:
            head = (
                b"POST /v1/models/sample:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 23\r\n\r\n"
            )
            connection.sendall(head + body)
    assert post({"inputs": X})[0] == 200
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_what_nobody_foresaw_is_told_in_a_line(server, post, monkeypatch, caplog, capfd):
    async def broken(*_):
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(server.core, "predict", broken)
    assert post({"inputs": X}) == (500, {"error": "ZeroDivisionError"})
    line = "tftrain: POST /v1/models/sample:predict: ZeroDivisionError: surprise\n"
    assert capfd.readouterr().err == line
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_health(server, get):
    assert requests.get(f"{server.url}/healthz", timeout=20).text == "ok\n"
    assert get("/readyz") == (200, {"ready": True, "models": {"sample": [2, 1]}})


def test_it_is_not_ready_without_a_version(tmp_path):
    with running({"empty": tmp_path}) as server:
        response = requests.get(f"{server.url}/readyz", timeout=20)
        assert (response.status_code, response.json()) == (
            503, {"ready": False, "models": {"empty": []}},
        )  # fmt: skip
        assert requests.get(f"{server.url}/healthz", timeout=20).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/monitoring/prometheus/metrics"])
def test_metrics_count_what_was_answered_and_refused(server, post, path):
    before = counts(server, path)
    post({"inputs": X})
    post({"inputs": "?"})
    post({"inputs": X}, model="a" * 50)
    after = counts(server, path)
    for model, code in (
        ("sample", "OK"),
        ("sample", "INVALID_ARGUMENT"),
        ("(unknown)", "NOT_FOUND"),
    ):
        name = f'tftrain_requests_total{{code="{code}",method="predict",model="{model}"}}'
        assert after[name] == before.get(name, 0) + 1
    assert after['tftrain_batch_rows_sum{model="sample"}'] >= 3
    assert after['tftrain_version_state{model="sample",state="AVAILABLE",version="2"}'] == 1


def counts(server, path):
    text = requests.get(server.url + path, timeout=20).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_other_origins_may_read_the_answers_if_told_so(base):
    with running({"sample": base}, cors=True) as server:
        for response in (
            requests.options(f"{server.url}/v1/models/sample:predict", timeout=20),
            requests.get(f"{server.url}/v1/models/none", timeout=20),
        ):
            assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_no_request_is_lost_when_a_newer_version_takes_over(publish):
    folder = publish(1)
    seen, failed, stop = set(), [], threading.Event()

    def ask():
        with requests.Session() as session:
            while not stop.is_set():
                response = session.post(url, json={"instances": [[0.0, 0.0]]}, timeout=20)
                if response.status_code == 200:
                    seen.add(response.json()["predictions"][0][0] // 100)
                else:
                    failed.append(response.text)

    with running({"sample": folder}) as server:
        url = f"{server.url}/v1/models/sample:predict"
        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            for version in (2, 3):
                wait_for(lambda version=version: version - 1 in seen)
                publish(version)
            wait_for(lambda: 3 in seen)
        finally:
            stop.set()
            for client in clients:
                client.join()
    assert (seen, failed) == ({1, 2, 3}, [])


@pytest.fixture
def unfinished():
    """Begins a request that never ends; gives its connection."""
    with contextlib.ExitStack() as opened:

        def begin(server):
            connection = opened.enter_context(socket.create_connection(server.address, timeout=10))
            connection.sendall(HEAD)
            return connection

        yield begin


def test_a_request_that_does_not_arrive_is_given_up(base, unfinished):
    with running({"sample": base}, limits=Limits(seconds=0.2)) as server:
        assert b" 504 " in unfinished(server).recv(1000).splitlines()[0]


def test_more_requests_than_allowed_are_refused_at_once(base, unfinished):
    with running({"sample": base}, limits=Limits(concurrent=1, seconds=5)) as server:
        connection = unfinished(server)
        wait_for(lambda: server.server._reading)
        url = f"{server.url}/v1/models/sample:predict"
        status, found = answered(requests.post(url, json={"inputs": X}, timeout=20))
        assert (status, "are being read" in found["error"]) == (503, True)
        connection.close()


def test_what_is_in_flight_is_answered_at_the_end(base):
    answers = []

    def ask():
        body = {"signature_name": "slow", "inputs": [600]}
        url = f"{server.url}/v1/models/sample:predict"
        answers.append(requests.post(url, json=body, timeout=20).json())

    with running({"sample": base}) as server:
        client = threading.Thread(target=ask)
        client.start()
        wait_for(lambda: server.core._door._under_way.count)
    client.join()
    assert answers == [{"outputs": [600.0]}]


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)
