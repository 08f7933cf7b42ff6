"""What fit_speed.py makes of its programs' reports: medians, ratios, a table."""

from __future__ import annotations

import statistics
from typing import Any

from comparison import spread

BASE = "keras"

HEAD = """\
| workload | program | s/epoch, median | least - most | x keras | whole, s | x keras | peak, MB \
| validation accuracy | others, cores |
|---|---|---|---|---|---|---|---|---|---|"""


def steady(report: dict[str, Any]) -> float:
    """Seconds of an epoch, the first set aside."""
    return statistics.median(report["epoch_seconds"][1:])


def summarize(reports: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Of each program, medians over its processes.

    Raises:
        RuntimeError: The programs did not do the same work.
    """
    work = {
        (report["parameters"], report["updates"], report["data_bytes"])
        for of_program in reports.values()
        for report in of_program
    }
    if len(work) > 1:
        raise RuntimeError(f"parameters, updates or bytes of data differ between programs: {work}")
    return {name: _of_program(of_program) for name, of_program in reports.items()}


def _of_program(reports: list[dict[str, Any]]) -> dict[str, Any]:
    loads = [report["other_cores"] for report in reports if report["other_cores"] is not None]
    result = {
        **spread("epoch_seconds", map(steady, reports)),
        "first_epoch_seconds": statistics.median(one["epoch_seconds"][0] for one in reports),
        "other_cores": [statistics.mean(loads), max(loads)] if loads else None,
    }
    for key, value in reports[0].items():
        if isinstance(value, int | float) and key not in result:
            result[key] = statistics.median(report[key] for report in reports)
    return result


def ratios(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """How many times as fast as Keras's `fit` each program is; tftrain also beside the floor."""
    found: dict[str, dict[str, float]] = {}
    for name, of in results.items():
        found[name] = {
            key.removesuffix("_seconds"): results[BASE][key] / of[key]
            for key in ("epoch_seconds", "whole_seconds")
            if BASE in results and key in of
        }
    if {"tftrain", "floor"} <= set(results):
        floor = results["floor"]["epoch_seconds"]
        found["tftrain"]["times_the_floor"] = results["tftrain"]["epoch_seconds"] / floor
    return found


def table(workload: str, results: dict[str, dict[str, Any]]) -> str:
    """The lines of one workload."""
    lines = []
    compared = ratios(results)
    for name, of in results.items():
        ratio = {key: f"{value:.2f}" for key, value in compared[name].items()}
        trained = "whole_seconds" in of
        cells = [
            workload,
            name,
            f"{of['epoch_seconds']:.3f}",
            f"{of['least']:.3f} - {of['most']:.3f}",
            ratio.get("epoch", ""),
            f"{of['whole_seconds']:.1f}" if trained else "",
            ratio.get("whole", ""),
            f"{of['peak_bytes'] / 1e6:,.0f}" if trained else "",
            f"{of['validation_accuracy']:.4f}" if trained else "",
            " - ".join(f"{cores:.1f}" for cores in of["other_cores"] or ()),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
