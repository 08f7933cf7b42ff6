"""tftrain launch: run a command as a cluster on this machine, or print its Kubernetes manifest.

The command follows `--`. Every task runs it with a TF_CONFIG of its own; the job's exit status is
that of the first task that failed, and all the others are ended with it.

Examples:
  tftrain launch --workers=2 -- python script.py --epochs=3
  tftrain launch --workers=2 --ps=1 --max_restarts=2 -- python script.py
  tftrain launch --workers=2 --cores=0-7 --memory=4GiB -- python script.py
  tftrain launch --manifest=job --workers=4 --image=team/train:1 -- python script.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from absl import flags

from tftrain import quantities
from tftrain.distribute import allocation, cores, launcher, manifests
from tftrain.refusals import refusals

MANIFESTS = ("tfjob", "trainer", "job")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_integer("workers", 1, "number of workers", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("ps", 0, "number of parameter servers", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "max_restarts",
        0,
        "how many times a failed or preempted job is started again, from its checkpoint if it "
        "writes one",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_float(
        "grace",
        launcher.GRACE_SECONDS,
        "seconds that tasks have to save and end, from SIGTERM to SIGKILL",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_bool(
        "pin",
        None,
        "give each worker cores of its own (default: where nothing else runs)",
        values,
    )
    flags.DEFINE_string("cores", None, "cores for all tasks together, e.g. 0-7,16-23", values)
    flags.DEFINE_integer(
        "threads",
        None,
        "threads of each pool of a task (default: as many as it has cores)",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "memory", None, "what each task may use, e.g. 4GiB; one that uses more is killed", values
    )
    flags.DEFINE_enum(
        "manifest",
        None,
        MANIFESTS,
        "print a Kubernetes manifest instead of running: Kubeflow TFJob, Kubeflow Trainer v2, or "
        "a plain indexed Job",
        flag_values=values,
    )
    flags.DEFINE_string("image", None, "container image, with --manifest", flag_values=values)
    flags.DEFINE_string("name", "tftrain", "job name, with --manifest", flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    if not positional:
        yield "the command is missing: tftrain launch --workers=2 -- python script.py"
    if values.image is not None and values.manifest is None:
        yield f"--image={values.image} needs --manifest: a local job uses no image"
    if values.manifest and values.cores is not None:
        yield "--cores are those of this machine, and --manifest is for others: give --threads"
    if values.memory is not None:
        yield from refusals(quantities.size, values.memory, "--memory")
    if values.cores is not None:
        yield from _mistakes(values.cores)


def _mistakes(chosen: str) -> Iterator[str]:
    try:
        cores.parse(chosen)
    except ValueError as error:
        yield f"--cores={error}"


def _memory(values: flags.FlagValues) -> int | None:
    return None if values.memory is None else int(quantities.size(values.memory))


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Runs the job, or prints its manifest.

    Returns:
        The exit status of the job (see `launcher.launch`); 0 after printing a manifest.
    """
    run = _print_manifest if values.manifest else _launch
    return run(values, list(positional))


def _launch(values: flags.FlagValues, command: list[str]) -> int:
    return launcher.launch(
        command,
        workers=values.workers,
        ps=values.ps,
        max_restarts=values.max_restarts,
        grace_seconds=values.grace,
        wishes=_wishes(values),
    )


def _wishes(values: flags.FlagValues) -> allocation.Wishes:
    return allocation.Wishes(
        pin=values.pin,
        cores=values.cores and cores.parse(values.cores),
        threads=values.threads,
        memory_bytes=_memory(values),
    )


def _print_manifest(values: flags.FlagValues, command: list[str]) -> int:
    job = manifests.Job(
        command=command,
        image=values.image or "",
        workers=values.workers,
        ps=values.ps,
        name=values.name,
        max_restarts=values.max_restarts,
        cores=values.threads,
        memory_bytes=_memory(values),
    )
    print(manifests.manifest(values.manifest, job), end="")
    return 0
