"""Luigi tasks, one file a stage, imported as `longhop.tasks`.

    luigi --module longhop.tasks longhop.Build --recipe recipe.yaml --out runs/sample --workers 4 --local-scheduler

All carry the namespace `longhop`, so that a repository with a `Build` of its own can import them. Part tasks carry only
the run's folder, a fingerprint and the number of a part; everything else stands in the run's run.json.
"""

import sys
from itertools import pairwise

if __name__ != "longhop.tasks":
    raise ImportError("import longhop.tasks: under another name Luigi would register every task twice")

import luigi.configuration

from .build import Build
from .contexts import ContextPlans, Contexts
from .dataset import Dataset
from .documents import DocumentPlan, Documents
from .examples import Examples
from .push import Push
from .questions import Questions
from .traces import Traces
from .verdicts import Verdicts

__all__ = [
    "Build",
    "ContextPlans",
    "Contexts",
    "Dataset",
    "DocumentPlan",
    "Documents",
    "Examples",
    "Push",
    "Questions",
    "Traces",
    "Verdicts",
]


def _fail_when_a_task_fails(arguments: list[str]) -> None:
    """Have `luigi --module longhop.tasks` end with an exit code that tells, as Luigi does not by itself.

    Only where the command line says that longhop is what runs, and never over a configuration of the user's own.
    """
    asked = "--module=longhop.tasks" in arguments or "longhop.tasks" in [
        after for before, after in pairwise(arguments) if before == "--module"
    ]
    config = luigi.configuration.get_config()
    if not asked or config.has_section("retcode"):
        return
    codes = {"task_failed": 1, "missing_data": 1, "scheduling_error": 1, "not_run": 1, "unhandled_exception": 1}
    for name, code in codes.items():
        config.set("retcode", name, str(code))


_fail_when_a_task_fails(sys.argv[1:])
