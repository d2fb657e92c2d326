"""Generated tasks: English sentences from a grammar and a lexicon, shaped like tasks of GLUE.

The words that decide a label in validation do not occur in training, so that a model has to know
what they mean or how they behave. Everything follows from the task's name and the seed; the first
examples of a larger training split are those of a smaller one.
"""

from __future__ import annotations

from random import Random

from lottery.data.generated.writers import OPENERS, Example

__all__ = ["OPENERS", "Example", "generate"]


def generate(
    name: str, train_examples: int | None, validation_examples: int | None, seed: int
) -> dict[str, list[Example]]:
    """Writes a task's examples.

    Args:
        name: A key of `OPENERS`.
        train_examples: Size of the training split, at most `LARGEST_GENERATED`; None leaves it out.
        validation_examples: Size of the validation split, likewise.
        seed: Decides which words each split has, and every draw.

    Returns:
        The splits train and validation. No example occurs twice, in one split or in both; the
        labels are drawn with equal chances.
    """
    sizes = {"train": train_examples, "validation": validation_examples}
    seen: set[tuple[str, str | None]] = set()
    return {
        split: _write(name, split, size, seed, seen)
        for split, size in sizes.items()
        if size is not None
    }


def _write(
    name: str, split: str, size: int, seed: int, seen: set[tuple[str, str | None]]
) -> list[Example]:
    """Writes examples until enough differ from those in `seen`, which grows."""
    # Seeded by text, which Random turns into a number by SHA-512: the same in every process.
    write = OPENERS[name](split, Random(f"{name} {seed} words"))
    rng = Random(f"{name} {seed} {split}")
    examples: list[Example] = []
    while len(examples) < size:
        example = write(rng)
        if (texts := (example.text_a, example.text_b)) not in seen:
            seen.add(texts)
            examples.append(example)
    return examples
