"""tftrain launch: run a command as a cluster on this machine, or print its Kubernetes manifest.

tftrain launch --workers=2 -- python script.py --epochs=3
tftrain launch --workers=2 --ps=1 --max_restarts=2 -- python script.py
tftrain launch --manifest=job --workers=4 --image=team/train:1 -- python script.py
"""

from __future__ import annotations

from absl import flags

from tftrain.distribute import launcher, manifests
from tftrain.errors import LaunchError

MANIFESTS = ("tfjob", "trainer", "job")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    flags.DEFINE_integer("workers", 1, "Number of workers.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("ps", 0, "Number of parameter servers.", lower_bound=0, flag_values=values)
    flags.DEFINE_integer(
        "max_restarts",
        0,
        "How many times a failed job is started again, from its checkpoint if it writes one.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_float(
        "grace", 10.0, "Seconds from SIGTERM to SIGKILL.", lower_bound=0, flag_values=values
    )
    flags.DEFINE_enum(
        "manifest",
        None,
        MANIFESTS,
        "Print a Kubernetes manifest instead of running: Kubeflow TFJob, Kubeflow Trainer v2, or "
        "a plain indexed Job.",
        flag_values=values,
    )
    flags.DEFINE_string("image", None, "Container image, with --manifest.", flag_values=values)
    flags.DEFINE_string("name", "tftrain", "Job name, with --manifest.", flag_values=values)


def main(argv: list[str]) -> int:
    """Runs the command line after `tftrain`: `["launch", "--workers=2", "--", "python", ...]`.

    Returns:
        The exit status of the job (see `launcher.launch`); 0 after printing a manifest.

    Raises:
        LaunchError: The flags are wrong, or the command cannot be started.
        ConfigError: The manifest's settings are wrong.
    """
    arguments, command = _split(argv)
    values = flags.FlagValues()
    define_flags(values)
    try:
        rest = values(arguments)[1:]
    except flags.Error as error:
        raise LaunchError(str(error)) from error
    if rest:
        raise LaunchError(
            f"unexpected {' '.join(rest)!r}: the command comes after --, "
            "e.g. tftrain launch --workers=2 -- python script.py"
        )
    return _print_manifest(values, command) if values.manifest else _launch(values, command)


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def _launch(values: flags.FlagValues, command: list[str]) -> int:
    if values.image is not None:
        raise LaunchError(f"--image={values.image} needs --manifest: a local job uses no image")
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
