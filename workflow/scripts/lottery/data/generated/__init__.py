"""Generated tasks: English sentences from a grammar and a lexicon, shaped like tasks of GLUE.

The words that decide a label in validation do not occur in training, so that a model has to know
what they mean or how they behave. Everything follows from the task's name and the seed; the first
examples of a larger training split are those of a smaller one.
"""

from __future__ import annotations

from random import Random

from lottery.data.generated import acceptability, entailment, heuristics, sentiment, similarity
from lottery.data.generated.example import Example, Sentence, Spec
from lottery.files.errors import StudyError
from lottery.tasks import LARGEST_GENERATED

__all__ = ["GENERATED", "Example", "Spec", "generate"]

GENERATED: dict[str, Spec] = {
    "sentiment": sentiment.SPEC,
    "acceptability": acceptability.SPEC,
    "entailment": entailment.SPEC,
    "similarity": similarity.SPEC,
    "heuristics": heuristics.SPEC,
}


def generate(
    name: str, train_examples: int | None, validation_examples: int, seed: int
) -> dict[str, list[Example]]:
    """Writes a task's examples.

    Args:
        name: A key of `GENERATED`.
        train_examples: Size of the training split, 1 to `LARGEST_GENERATED`; None leaves it out.
        validation_examples: Size of the validation split, likewise.
        seed: Decides which words each split has, and every draw.

    Returns:
        The splits train and validation. No example occurs twice, in one split or in both; the
        labels are drawn with equal chances.

    Raises:
        StudyError: There is no such task, or a size is out of range.
    """
    if name not in GENERATED:
        raise StudyError(f"There is no generated task {name}; there are {', '.join(GENERATED)}.")
    sizes = {"validation": validation_examples}
    if train_examples is not None:
        sizes = {"train": train_examples} | sizes
    for split, size in sizes.items():
        if not 1 <= size <= LARGEST_GENERATED:
            raise StudyError(
                f"{split}_examples is {size} for the generated task {name}; "
                f"it can be 1 to {LARGEST_GENERATED}."
            )
    seen: set[tuple[str, str | None]] = set()
    return {split: _write(name, split, size, seed, seen) for split, size in sizes.items()}


def _write(
    name: str, split: str, size: int, seed: int, seen: set[tuple[str, str | None]]
) -> list[Example]:
    """Writes sentences until enough differ from those in `seen`, which grows."""
    # Seeded by text, which Random turns into a number by SHA-512: the same in every process.
    write = GENERATED[name].open_writer(split, Random(f"{name} {seed} words"))
    rng = Random(f"{name} {seed} {split}")
    examples: list[Example] = []
    while len(examples) < size:
        sentence: Sentence = write(rng)
        if (texts := (sentence.text_a, sentence.text_b)) not in seen:
            seen.add(texts)
            examples.append(Example(**vars(sentence), idx=len(examples)))
    return examples
