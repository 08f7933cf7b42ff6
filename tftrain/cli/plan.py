"""tftrain plan: share a training among devices: what fits, how fast it is, what it waits for.

Nothing is trained and no weights are made. The model is a transformer by its sizes or its number of
parameters, a model of tftrain by name, a run folder, or a .keras file.

Examples:
  tftrain plan --model=1e10 --devices=64 --memory=80GiB --bandwidth=200Gbit/s --batch=512
  tftrain plan --model=transformer:layers=24,width=2048,heads=16 --device=a100-40 --devices=8 \
--batch=64
  tftrain plan --model=cnn --shape=28,28,1 --measure --devices=2 --bandwidth=1Gbit/s --batch=128
  tftrain plan --model=runs/digits-mlp-1 --devices=4 --batch=256 --json
  tftrain plan --model=1e8 --devices=8 --batch=512 --plot=scaling.png --gradient_codec=powersgd:4
"""

from __future__ import annotations

import dataclasses
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import models, optim, planning, quantities, training
from tftrain.atomic import replace_file
from tftrain.control_groups import memory_here
from tftrain.errors import BadInput, ConfigError, UnknownName
from tftrain.keras_api import keras, require_tensorflow_backend, tf
from tftrain.planning import scaling, trainings, transformers
from tftrain.refusals import refusals
from tftrain.training import saved_classes

_DEFAULT_DEVICE = "a100-80"
_LONGEST_REASON = 200
_PICTURES = (".png", ".svg")
_FLAGS = (
    (flags.DEFINE_string, "model", None, "1e10, transformer:..., a name, a run folder, a .keras"),
    (flags.DEFINE_string, "shape", "28,28,1", "of an example, where the model is a name"),
    (flags.DEFINE_integer, "classes", 10, "where the model is a name"),
    (flags.DEFINE_integer, "batch", None, "examples a step, of all devices together"),
    (flags.DEFINE_integer, "devices", 1, "how many there are"),
    (flags.DEFINE_string, "device", _DEFAULT_DEVICE, "|".join(planning.DEVICES)),
    (flags.DEFINE_string, "memory", None, "of a device, as 80GiB (default: what it has)"),
    (flags.DEFINE_string, "flops", None, "that a device attains, as 120TFLOP/s"),
    (flags.DEFINE_bool, "measure", False, "how fast this machine is, for --device and --flops"),
    (flags.DEFINE_string, "bandwidth", "100Gbit/s", "between hosts, of each device"),
    (flags.DEFINE_string, "latency", "5us", "between hosts"),
    (flags.DEFINE_integer, "per_host", 1, "devices in a host, joined by the device's own link"),
    (flags.DEFINE_string, "optimizer", None, "default: the model's own, or adam"),
    (flags.DEFINE_string, "precision", None, "|".join(trainings.PRECISIONS)),
    (flags.DEFINE_string, "remat", "none", "|".join(trainings.REMATERIALIZATIONS)),
    (flags.DEFINE_string, "gradient_codec", "none", "|".join(optim.codecs.FORMS)),
    (flags.DEFINE_string, "exchange", "ring", "|".join(trainings.EXCHANGES)),
    (flags.DEFINE_integer, "servers", 1, "with --exchange=ps"),
    (flags.DEFINE_string, "schedule", "1f1b", "of pipelines: " + "|".join(trainings.SCHEDULES)),
    (flags.DEFINE_integer, "accumulation", None, "micro-batches a step (default: what fits)"),
    (flags.DEFINE_float, "overlap", 0.0, "share of the exchange hidden by computing, 0 to 1"),
    (flags.DEFINE_bool, "json", False, "print JSON instead of a table"),
    (flags.DEFINE_string, "plot", None, "picture (.png, .svg) of scaling to --most devices"),
    (flags.DEFINE_integer, "most", scaling.MOST, "devices in that picture"),
    (flags.DEFINE_string, "out", None, "folder for plan.json, plan.txt and scaling.png"),
)


def define_flags(values: flags.FlagValues) -> None:
    """What is trained, on what, and how."""
    for define, name, default, meaning in _FLAGS:
        define(name, default, meaning, flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line, in full sentences."""
    if positional:
        yield f"unexpected argument {positional[0]!r}: plan takes flags only"
    if not values.model:
        yield f"--model is missing: one of {', '.join(models.names())}, a size as 1e10, or a file"
    else:
        yield from refusals(_check_model, values)
    if values.batch is None:
        yield "--batch is missing: examples a step, of all devices together"
    else:
        yield from refusals(_training, values, None)
    yield from refusals(optim.check_codec, values.gradient_codec)
    yield from refusals(_machine, values, None)
    if values.measure and (values.flops or values["device"].present):
        yield "--measure says how fast this machine is: expected no --flops and no --device with it"
    yield from _without_effect(values)
    if values.most < 1:
        yield f"--most={values.most}: expected 1 or more"
    yield from _wrong_places(values)


def _without_effect(values: flags.FlagValues) -> Iterator[str]:
    by_name = values.model in models.names(), f"a model by name ({', '.join(models.names())})"
    needs = {
        "servers": (values.exchange == "ps", "--exchange=ps"),
        "most": (values.plot or values.out, "--plot or --out: it is of the picture"),
        "shape": by_name,
        "classes": by_name,
    }
    for name, (is_met, needed) in needs.items():
        if values[name].present and not is_met:
            yield f"--{name} needs {needed}"


def _wrong_places(values: flags.FlagValues) -> Iterator[str]:
    for name in ("plot", "out"):
        if values[name].present and not values[name].value:
            yield f"--{name} is empty"
    if values.plot and Path(values.plot).suffix.lower() not in _PICTURES:
        yield f"--plot={values.plot}: expected a file that ends in {' or '.join(_PICTURES)}"
    if values.plot and not Path(values.plot).absolute().parent.is_dir():
        yield f"--plot={values.plot}: there is no such folder"
    if values.out and Path(values.out).exists() and not Path(values.out).is_dir():
        yield f"--out={values.out} is a file; expected a folder"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Prints the plans that fit, the fastest first."""
    profile = _profile(values)
    codec = _codec(values.gradient_codec, profile)
    asked = _training(values, codec, profile.precision)
    machine = _machine(values, _measured(values) if values.measure else None, asked.precision)
    plans = planning.plan(profile, machine, asked)
    text = str(plans)  # none that fits is an error
    print(plans.to_json() if values.json else text)
    if values.plot or values.out:
        grown = scaling.scaling(
            profile, machine, asked, codecs=[codec] if codec else [], most=values.most
        )
        _write(values, plans, text, grown)
    return 0


def _write(
    values: flags.FlagValues, plans: planning.Plans, text: str, grown: scaling.Scaling
) -> None:
    from tftrain.planning import scaling_plot

    pictures = [Path(values.plot)] if values.plot else []
    if values.out:
        out = Path(values.out)
        out.mkdir(parents=True, exist_ok=True)
        document = {**plans.as_dict(), "scaling": grown.as_dict()}
        for name, content in (("plan.json", json.dumps(document, indent=2)), ("plan.txt", text)):
            with replace_file(out / name) as temporary:
                temporary.write_text(content + "\n")
        pictures.append(out / "scaling.png")
    for path in pictures:
        figure = scaling_plot.throughput_and_efficiency(grown)
        with replace_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=120)
        print(f"written {path}", file=sys.stderr)


def _check_model(values: flags.FlagValues) -> None:
    text = values.model
    if transformers.is_preset(text):
        transformers.preset(text)
    elif text in models.names():
        _shape(values.shape)
        if values.classes < 1:
            raise BadInput(f"--classes={values.classes}: expected 1 or more")
    elif "/" in text or text.endswith(".keras") or Path(text).is_dir():
        _model_file(text)
    else:
        others = "1e10 or transformer:layers=24,width=2048,heads=16; run folders, .keras files"
        raise UnknownName("model", text, models.names(), others)


def _profile(values: flags.FlagValues) -> planning.ModelProfile:
    text = values.model
    if transformers.is_preset(text):
        return planning.profile(text)
    require_tensorflow_backend()
    if text not in models.names():
        return planning.profile(lambda: _described(_model_file(text)))
    shape = _shape(values.shape)
    profile = planning.profile(lambda: models.by_name(text, shape, values.classes))
    return dataclasses.replace(profile, name=text)


def _model_file(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        folder = training.RunFolder.open(path)
        folder.require_model()
        return folder.model
    if not path.is_file() or path.suffix != ".keras":
        raise BadInput(f"--model={text}: expected a run folder or a .keras file that is there")
    return path


def _described(file: Path) -> Any:
    """The model that a file describes, without the weights in it."""
    saved_classes.register()
    try:
        with zipfile.ZipFile(file) as archive:
            description = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(f"{file} cannot be read as a .keras file: {error}") from error
    try:
        return keras.saving.deserialize_keras_object(description)
    except Exception as error:  # whatever a layer's own code raises
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise BadInput(
            f"the model that {file} describes cannot be made here ({type(error).__name__}: "
            f"{reason}); give the function that makes it to tftrain.planning.profile"
        ) from error


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(each) for each in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise BadInput(f"--shape={text}: expected positive whole numbers, e.g. 28,28,1")
    return shape


def _codec(name: str, profile: planning.ModelProfile) -> planning.GradientCodec | None:
    if name == "none":
        return None
    codec = optim.codecs.named(name)
    level = codec.levels[-1]

    def payload(shape: tuple[int, ...]) -> float:
        if codec.compresses(shape):
            return codec.payload_bytes(shape, level)
        return optim.codecs.Codec().payload_bytes(shape, level)

    gathered = isinstance(codec, (optim.codecs.Int8, optim.codecs.TopK))
    return planning.GradientCodec.of(name, payload, profile.shapes, gathered=gathered)


def _training(
    values: flags.FlagValues, codec: planning.GradientCodec | None, precision: str = "float32"
) -> planning.Training:
    names = ("batch", "optimizer", "remat", "exchange", "servers", "schedule")
    given = {name: values[name].value for name in (*names, "accumulation", "overlap")}
    return planning.Training(**given, codec=codec, precision=values.precision or precision)


def _machine(
    values: flags.FlagValues, measured: Any, precision: str = "float32"
) -> planning.Machine:
    found = []
    parsers = (
        ("memory", quantities.size),
        ("flops", quantities.flops),
        ("bandwidth", quantities.rate),
    )
    for name, parse in (*parsers, ("latency", quantities.seconds)):
        if values[name].value is not None:
            found += refusals(parse, values[name].value, f"--{name}")
    for name in ("devices", "per_host"):
        if values[name].value < 1:
            found.append(f"--{name}={values[name].value}: expected 1 or more")
    if found:
        raise ConfigError(found)
    machine = planning.Machine.of(
        values.device,
        devices=values.devices,
        bandwidth=values.bandwidth,
        latency=values.latency,
        per_host=values.per_host,
        precision=precision,
    )
    if values.memory is not None or measured:
        memory = quantities.size(values.memory) if values.memory else float(memory_here())
        machine = dataclasses.replace(machine, memory=memory)
    if values.flops is not None:
        machine = dataclasses.replace(machine, flops=quantities.flops(values.flops), kind="")
    return measured.machine(machine) if measured else machine


def _measured(values: flags.FlagValues) -> Any:
    from tftrain.planning import measuring

    if values.memory is None and tf.config.list_physical_devices("GPU"):
        raise BadInput("--measure needs --memory here: how much a GPU has is not known")
    return measuring.measure(rows=max(1, values.batch // values.devices))
