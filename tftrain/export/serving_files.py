"""The files beside the versions that TensorFlow Serving is started with.

They are written once and are the user's from then on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from tftrain.atomic import write_new_file
from tftrain.errors import ExportError
from tftrain.export import batching_file
from tftrain.export.batching_file import Batching

MODELS, MONITORING, COMPOSE = "models.config", "monitoring.config", "docker-compose.yml"
_RUN_FOLDER = "saved_model"  # of versions, in the folder of a training run
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")  # for a URL and for a Docker volume
_FILES = {
    MODELS: """\
# Served from the container of docker-compose.yml: base_path is a path in there.
# Labels for versions: version_labels {{ key: "stable" value: 1 }}
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
""",
    batching_file.FILE: """\
# Requests that arrive together are answered together.
max_batch_size {{ value: 32 }}
batch_timeout_micros {{ value: 1000 }}
max_enqueued_batches {{ value: 100 }}
# The last one must be max_batch_size.
allowed_batch_sizes: 1
allowed_batch_sizes: 2
allowed_batch_sizes: 4
allowed_batch_sizes: 8
allowed_batch_sizes: 16
allowed_batch_sizes: 32
""",
    MONITORING: """\
prometheus_config {{
  enable: true
  path: "/monitoring/prometheus/metrics"
}}
""",
    COMPOSE: """\
# docker compose up, in this folder. For production, put a release in place of "latest".
services:
  serving:
    image: tensorflow/serving:latest
    ports:
      - "8500:8500"  # gRPC
      - "8501:8501"  # REST: http://localhost:8501/v1/models/{name}
    volumes:
      - .:/models/{name}:ro
    command:
      - --model_config_file=/models/{name}/models.config
      - --enable_batching=true
      - --batching_parameters_file=/models/{name}/batching.config
      - --monitoring_config_file=/models/{name}/monitoring.config
""",
}


def write_missing(base: Path, name: str) -> None:
    """Writes those of the files that are not there.

    Args:
        base: Folder of the versions.
        name: The model's.
    """
    for file, content in _FILES.items():
        write_new_file(base / file, content.format(name=name))


def model_name(base: Path, given: str | None = None) -> str:
    """The name that the versions in a folder are served under.

    Args:
        base: Folder of the versions.
        given: What it is to be; None for what models.config says, or else the folder's name (of
            the folder in a training run, the run's).

    Raises:
        ExportError: The name cannot be part of a URL, or models.config has another, or several.
    """
    if given is not None and (_UNFIT.search(given) or not given):
        raise ExportError(f"name is {given!r}; expected letters, digits, '.', '_' and '-'")
    own = given or _of_folder(base)
    configured = _configured(base / MODELS)
    if not configured:
        return own
    if given is not None and given not in configured:
        raise ExportError(
            f"{base / MODELS} serves {', '.join(configured)}, not {given!r}: leave the name out, "
            "or change that file"
        )
    if own in configured or len(configured) == 1:
        return own if own in configured else configured[0]
    raise ExportError(f"{base / MODELS} serves {', '.join(configured)}: say which by the name")


def _of_folder(base: Path) -> str:
    resolved = base.absolute()
    folder = resolved.parent if resolved.name == _RUN_FOLDER else resolved
    return _UNFIT.sub("_", folder.name) or "model"


def _configured(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [config.name for config in read_models(path).model_config_list.config]


def read_models(path: Path) -> Any:
    """A models.config, as `ModelServerConfig`.

    Raises:
        ExportError: It is none.
    """
    from tensorflow_serving.config import model_server_config_pb2

    try:
        text = path.read_text(encoding="utf-8")
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except (text_format.ParseError, OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} is no list of models: {error}; mend or remove it") from error


def batch_sizes(base: Path) -> list[int]:
    """The sizes of batches that a server will make, in order."""
    there = (base / batching_file.FILE).exists()
    found = batching_file.read(base) if there else _default_batching()
    largest = found.max_batch_size or 1
    powers = [2**exponent for exponent in range(largest.bit_length())]
    return list(found.allowed_batch_sizes or sorted({*powers, largest}))


def _default_batching() -> Batching:
    return batching_file.parsed(_FILES[batching_file.FILE].format())
