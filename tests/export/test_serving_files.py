"""The files beside the versions are what TensorFlow Serving and Docker read."""

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tftrain import export
from tftrain.errors import ExportError
from tftrain.export import batching_file, serving_files


def monitoring_config():
    """Of monitoring_config.proto, which tensorflow-serving-api leaves out."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="monitoring.proto", package="t", syntax="proto3")
    inner = file.message_type.add(name="PrometheusConfig").field
    inner.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    inner.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    file.message_type.add(name="MonitoringConfig").field.add(
        name="prometheus_config", number=1, type=field.TYPE_MESSAGE,
        type_name=".t.PrometheusConfig", label=field.LABEL_OPTIONAL,
    )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.MonitoringConfig"))()


def test_the_list_of_models_names_the_folder_in_the_container(picture_export):
    config = serving_files.of_folder(picture_export.parent)
    assert (config.name, config.base_path) == ("animals", "/models/animals")
    assert config.model_platform == "tensorflow"


def test_the_last_batch_size_allowed_is_the_largest(picture_export):
    found = batching_file.read(picture_export.parent)
    assert found.max_batch_size == found.allowed_batch_sizes[-1] == 32
    assert serving_files.batch_sizes(picture_export.parent) == [1, 2, 4, 8, 16, 32]


def test_metrics_are_where_prometheus_looks_for_them(picture_export):
    text = (picture_export.parent / "monitoring.config").read_text()
    found = text_format.Parse(text, monitoring_config()).prometheus_config
    assert found.enable
    assert found.path == "/monitoring/prometheus/metrics"


def test_the_container_is_started_with_these_files(picture_export):
    base = picture_export.parent
    service = yaml.safe_load((base / "docker-compose.yml").read_text())["services"]["serving"]
    assert service["image"].startswith("tensorflow/serving")
    assert service["ports"] == ["8500:8500", "8501:8501"]
    (volume,) = service["volumes"]
    here, there, access = volume.split(":")
    assert (here, access) == (".", "ro")
    files = [part.partition("=")[2] for part in service["command"] if "file=" in part]
    assert len(files) == 3
    for file in files:
        assert file.startswith(f"{there}/")
        assert (base / file.removeprefix(f"{there}/")).is_file()


def test_files_that_exist_are_the_user_s(tmp_path, small_model):
    mine = 'model_config_list { config { name: "mine" base_path: "/elsewhere" } }'
    (tmp_path / "models.config").write_text(mine)
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    export.saved_model(small_model, tmp_path, verify=False)
    assert (tmp_path / "models.config").read_text() == mine
    assert (tmp_path / "docker-compose.yml").read_text() == "services: {}\n"
    assert "/models/mine/batching.config" not in (tmp_path / "docker-compose.yml").read_text()
    assert (tmp_path / "batching.config").is_file()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("digits", "digits"), ("runs/digits-mlp-1/saved_model", "digits-mlp-1"), ("a b/ö c", "_c")],
)
def test_the_name_is_the_folder_s_or_the_run_s(folder, name, tmp_path):
    assert serving_files.model_name(tmp_path / folder) == name


def test_the_name_in_the_list_of_models_holds(tmp_path):
    serving_files.write_missing(tmp_path, "shop")
    assert (
        serving_files.model_name(tmp_path) == "shop" == serving_files.model_name(tmp_path, "shop")
    )
    with pytest.raises(ExportError, match="serves shop, not 'other'"):
        serving_files.model_name(tmp_path, "other")


def test_of_several_models_one_is_said(tmp_path):
    listed = "".join(f'config {{ name: "{name}" base_path: "/models/{name}" }} ' for name in "ab")
    (tmp_path / "models.config").write_text(f"model_config_list {{ {listed} }}")
    assert serving_files.model_name(tmp_path, "b") == "b"
    with pytest.raises(ExportError, match="serves a, b: say which by the name"):
        serving_files.model_name(tmp_path)


@pytest.mark.parametrize(("folder", "name"), [("a", "a"), ("shelf", "b")])
def test_of_several_models_one_has_the_folder_s_name_or_path(folder, name, tmp_path):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "models.config").write_text(
        'model_config_list { config { name: "a" base_path: "/models/x" } '
        'config { name: "b" base_path: "/models/shelf" } }'
    )
    assert serving_files.model_name(tmp_path / folder) == name


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a b"])
def test_a_name_is_part_of_a_url(name, tmp_path):
    with pytest.raises(ExportError, match="expected letters"):
        serving_files.model_name(tmp_path, name)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("models.config", "model_config_list {", "no list of models"),
        ("batching.config", "max_batch_siz { value: 3 }", "no batching file"),
        ("batching.config", "max_batch_size { value: 3 } allowed_batch_sizes: 2", "expected max"),
    ],
)
def test_damaged_files_are_refused_before_any_work(file, text, said, tmp_path, small_model):
    (tmp_path / file).write_text(text)
    with pytest.raises(ExportError, match=f"{file} .*{said}"):
        export.saved_model(small_model, tmp_path, verify=False)
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("max_batch_size { value: 6 }", [1, 2, 4, 6]),
        ("max_batch_size { value: 6 } allowed_batch_sizes: [3, 6]", [3, 6]),
        ("", [1]),
    ],
)
def test_batch_sizes_are_those_that_the_server_will_make(text, sizes, tmp_path):
    (tmp_path / "batching.config").write_text(text)
    assert serving_files.batch_sizes(tmp_path) == sizes
