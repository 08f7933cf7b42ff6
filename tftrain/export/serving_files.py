"""The files beside the versions that TensorFlow Serving is started with.

They are written once and are the user's from then on.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from tftrain.atomic import write_new_file
from tftrain.errors import ExportError
from tftrain.export import batching_file
from tftrain.export.batching_file import Batching

MODELS, MONITORING, COMPOSE = "models.config", "monitoring.config", "docker-compose.yml"
RUN_FOLDER = "saved_model"  # of versions, in the folder of a training run
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
    if given is None:
        config = of_folder(base)
        return (config and config.name) or _folder_name(base)
    if _UNFIT.search(given) or not given:
        raise ExportError(f"name is {given!r}; expected letters, digits, '.', '_' and '-'")
    names = [config.name for config in _models(base)]
    if names and given not in names:
        raise ExportError(
            f"{base / MODELS} serves {', '.join(names)}, not {given!r}: leave the name out, "
            "or change that file"
        )
    return given


def of_folder(base: Path) -> Any:
    """The `ModelConfig` in models.config for the versions in a folder; None if there is none.

    Of several it is the one whose name, or whose base_path's last part, is the folder's name.

    Raises:
        ExportError: The file cannot be understood, or none of several is this folder's.
    """
    configs, own = _models(base), _folder_name(base)
    if len(configs) < 2:
        return configs[0] if configs else None
    for config in configs:
        if own in (config.name, Path(config.base_path).name):
            return config
    raise ExportError(
        f"{base / MODELS} serves {', '.join(config.name for config in configs)}: say which by the "
        "name, or by a base_path that ends as this folder's"
    )


def _folder_name(base: Path) -> str:
    whole = Path(os.path.abspath(base))
    folder = whole.parent if whole.name == RUN_FOLDER else whole
    return _UNFIT.sub("_", folder.name) or "model"


def _models(base: Path) -> list[Any]:
    from tensorflow_serving.config import model_server_config_pb2

    path = base / MODELS
    try:
        text = path.read_text(encoding="utf-8")
        found = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except FileNotFoundError:
        return []
    except (text_format.ParseError, OSError, UnicodeDecodeError) as error:
        raise ExportError(f"{path} is no list of models: {error}; mend or remove it") from error
    return list(found.model_config_list.config)


def batch_sizes(base: Path) -> list[int]:
    """The sizes of batches that a server will make, in order."""
    there = (base / batching_file.FILE).exists()
    found = batching_file.read(base) if there else _default_batching()
    largest = found.max_batch_size or 1
    powers = [2**exponent for exponent in range(largest.bit_length())]
    return list(found.allowed_batch_sizes or sorted({*powers, largest}))


def _default_batching() -> Batching:
    return batching_file.parsed(_FILES[batching_file.FILE].format())
