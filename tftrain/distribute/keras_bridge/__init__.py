"""Repairs of Keras 3 under `tf.distribute`, one file a defect.

`install()` activates all of them. Scripts stay plain Keras: without a strategy that has replicas
Keras runs as it is written, but for the ends of epochs (`iterator_end`, `end_of_data`) and what
callbacks ask for, with one the repaired parts take over. Every file states the symptom, the cause,
the upstream issue and the versions concerned; every repair has a canary test that fails when Keras
no longer needs it.

Parts a training loop of its own can use (see docs/design/distributed-data.md):

- `global_batches.GlobalBatches`: a `tf.data.Dataset` of global batches, split over replicas;
- `row_share.row_share`: how much of the global batch a replica holds, for exact losses;
- `step_logs.StepLogs`: metric results over all replicas with one all-reduce;
- `step_functions.ReplicatedSteps`: the three put together around `model.train_step`.
"""

from __future__ import annotations

import functools


@functools.cache
def install() -> None:
    """Repairs Keras in this process; calling it again changes nothing."""
    for repair in _repairs():
        repair.install()


def is_installed() -> bool:
    """Whether this process's Keras is repaired."""
    return install.cache_info().currsize > 0


def _repairs() -> list:
    """In the order of activation: what replaces parts of Keras comes before what wraps them."""
    from tftrain.distribute.keras_bridge import (
        atomic_iterations,
        chief_only_writes,
        coordinator_fit,
        end_of_data,
        epoch_iterator,
        exact_resume,
        fit_exit,
        gradient_aggregation,
        iterator_end,
        jit_compile,
        loss_scale_optimizer,
        loss_scaling,
        lost_peer,
        model_scope,
        pipeline_fit,
        preflight_in_fit,
        step_functions,
        stepped_data,
        symbolic_build,
    )

    return [
        symbolic_build,
        epoch_iterator,
        stepped_data,
        iterator_end,
        loss_scaling,
        gradient_aggregation,
        loss_scale_optimizer,
        step_functions,
        end_of_data,
        jit_compile,
        atomic_iterations,
        coordinator_fit,
        pipeline_fit,
        chief_only_writes,
        exact_resume,
        fit_exit,
        preflight_in_fit,
        model_scope,
        lost_peer,  # outermost: what a dead peer breaks can be any of the others
    ]
