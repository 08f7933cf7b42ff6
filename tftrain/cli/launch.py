"""tftrain launch: run a command as a cluster on this machine, or print its Kubernetes manifest.

The command follows `--`. Every task runs it with a TF_CONFIG of its own; the job's exit status is
that of the first task that failed, and all the others are ended with it.

Examples:
  tftrain launch --workers=2 -- python script.py --epochs=3
  tftrain launch --workers=2 --ps=1 --max_restarts=2 -- python script.py
  tftrain launch --manifest=job --workers=4 --image=team/train:1 -- python script.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from absl import flags

from tftrain.distribute import launcher, manifests

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
    )


def _print_manifest(values: flags.FlagValues, command: list[str]) -> int:
    job = manifests.Job(
        command=command,
        image=values.image or "",
        workers=values.workers,
        ps=values.ps,
        name=values.name,
        max_restarts=values.max_restarts,
    )
    print(manifests.manifest(values.manifest, job), end="")
    return 0
