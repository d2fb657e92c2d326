"""A task's splits, read and checked: for `fetch_task`, and for a look before a run."""

from __future__ import annotations

from lottery.data.examples import Examples, check_variety, checked_examples
from lottery.data.sources import Source, generate_splits, read_split
from lottery.data.splits import subset
from lottery.files.errors import StudyError, blaming
from lottery.tasks import Task


def read_task(task: Task, glue_folder: str | None) -> dict[str, tuple[Examples, Source]]:
    """Reads a task's source and checks every row.

    Args:
        task: The task.
        glue_folder: A local folder of GLUE files that takes the hub's place.

    Returns:
        The wanted examples of each split, with their source.

    Raises:
        StudyError: The source is not there, or a value is not what the study can use; the sentence
            begins with the key of the config.
    """
    if task.kind == "generated":
        made = generate_splits(task)
        return {split: (_examples(task, split, source), source) for split, source in made.items()}
    checked = {}
    for split in task.split_names:
        place = f".data.{split}" if task.kind == "files" else ""
        with blaming(f"tasks.{task.id}{place}"):
            source = read_split(task, split, glue_folder)
            checked[split] = _examples(task, split, source), source
    return checked


def _examples(task: Task, split: str, source: Source) -> Examples:
    examples = checked_examples(source.raw, task, split)
    key = "train_examples" if split == "train" else "validation_examples"
    size = getattr(task, key)
    if task.kind == "generated" or size is None:
        return examples  # a generator has made as many as wanted
    if size > len(examples):
        raise StudyError(
            f"{source.raw.source} has {len(examples)} examples, but tasks.{task.id}.{key} is "
            f"{size}; allowed are 2 to {len(examples)}, or no such key for all of them."
        )
    strata = examples.strata()
    examples = examples.select(subset(strata, examples.idx, size, task.data_seed))
    check_variety(examples, task, split, f"the subset of {source.raw.source}")
    return examples
