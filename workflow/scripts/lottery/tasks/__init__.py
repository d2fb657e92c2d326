"""The tasks: plain facts, no data.

A task comes from an entry of the config: one of the nine GLUE presets, HANS, a generated task, or
files of one's own. The order of `Task.labels` is the order of the model's outputs everywhere;
sources are mapped onto it by name.
"""

from lottery.tasks.entries import FILE_TYPES, task_from_config
from lottery.tasks.presets import GENERATED, GLUE, GLUE_REPOSITORY, GLUE_REVISION, WEB
from lottery.tasks.task import LARGEST_GENERATED, SPLITS, Task

__all__ = [
    "FILE_TYPES",
    "GENERATED",
    "GLUE",
    "GLUE_REPOSITORY",
    "GLUE_REVISION",
    "LARGEST_GENERATED",
    "SPLITS",
    "WEB",
    "Task",
    "task_from_config",
]
