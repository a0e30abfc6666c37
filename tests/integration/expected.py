"""What kft says in advance about a configuration, in the words of what sdxl_train.py prints."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fork_wrapper.check.dataset_layout import layouts
from fork_wrapper.check.rules.case import Case
from fork_wrapper.experiment.subsets import survey_subsets
from fork_wrapper.sdscripts.steps import plan_steps


def surveyed(case: Case) -> Case:
    """The case with a fresh look at every folder that a subset names."""
    with TemporaryDirectory() as fresh:
        return replace(case, surveys=survey_subsets(case.training, case.dataset, Path(fresh)))


def expected_facts(case: Case) -> dict[str, Any]:
    """The numbers of sdxl_train.py:571-593, from a look at the folders; StepsError where it prints none.

    Keys: `num_examples`, `num_batches_per_epoch`, `num_epochs`, `total_steps`.
    """
    laid_out = layouts(surveyed(case))
    batches = sum(one.batches for one in laid_out)
    schedule = plan_steps(case.get, batches=batches, processes=case.host.processes, name="one")
    return {
        "num_examples": sum(one.train_images for one in laid_out),
        "num_batches_per_epoch": schedule.batches_per_epoch,
        "num_epochs": schedule.epochs,
        "total_steps": schedule.total_steps,
    }
