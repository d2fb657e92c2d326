"""Generated tasks: English sentences from a grammar and a lexicon, shaped like tasks of GLUE.

The words that decide a label in validation do not occur in training, so that a model has to know
what they mean or how they behave. Everything follows from the task's name and the seed; the first
examples of a larger training split are those of a smaller one.
"""

from __future__ import annotations

from random import Random

from lottery.data.generated.writers import OPENERS, Example

__all__ = ["OPENERS", "Example", "generate", "long_texts"]

LONG_TEXTS = 200
# Words of a text, or of both texts of a pair: with the special tokens, and a word of two parts here
# and there, this gives 20 to 40 tokens.
FEWEST_WORDS, MOST_WORDS = 18, 30


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


def long_texts(name: str, seed: int) -> list[Example]:
    """Writes texts of several sentences, for attention maps: `LONG_TEXTS`, no two alike.

    The sentences are a task's own, with the words of validation; the label is the first one's.

    Args:
        name: A key of `OPENERS`.
        seed: Decides every draw.
    """
    write = OPENERS[name]("validation", Random(f"{name} {seed} words"))
    rng = Random(f"{name} {seed} long")
    found: dict[tuple[str, str | None], Example] = {}
    while len(found) < LONG_TEXTS:
        joined = write(rng)
        least = rng.randint(FEWEST_WORDS, MOST_WORDS)
        while (more := _joined(joined, write(rng))) is not None and _words(joined) < least:
            joined = more
        if _words(joined) >= FEWEST_WORDS:
            found[joined.text_a, joined.text_b] = joined
    return list(found.values())


def _joined(first: Example, second: Example) -> Example | None:
    """Both, sentence after sentence; None where that is too long."""
    joined = first._replace(
        text_a=f"{first.text_a} . {second.text_a}",
        text_b=None if first.text_b is None else f"{first.text_b} . {second.text_b}",
    )
    return joined if _words(joined) <= MOST_WORDS else None


def _words(example: Example) -> int:
    return len(f"{example.text_a} {example.text_b or ''}".split())


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
