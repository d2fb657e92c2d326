"""Says where the time goes, by kind of operation: what stands between a row and its target.

Fine-tuning, importance passes (the whole model; as published without any unit; strict with half of
them) and evaluation, a few batches of each under torch's profiler, which itself takes some of "the
rest"; of RTE also with half of the neurons, and of its lengths BERT next to ModernBERT. Real GLUE
with GLUE_DIR, generated tasks otherwise. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/profiles.py --json build/bench/profiles.json
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

import families
import shrinking
from drawn import TRAIN_LENGTHS, drawn_lengths, drawn_tokens
from finetuning import CASES, RECIPE
from lottery.evaluation.predict import predict
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import UnitMask
from lottery.training.loop import train
from material import Case, Embedded, case_of
from measuring import arguments, machine, parsed
from rows import finish
from shrinking import mask_keeping

BATCH_SIZE = 64
DEV_EXAMPLES = 192
# Kind of work -> torch's names of the operations.
KINDS = {
    "matrix products": ("mm", "addmm"),
    "attention": ("bmm", "_softmax", "_softmax_backward_data"),
    "dropout": ("random_", "ge", "addcmul"),
    "GELU, norms": ("gelu", "gelu_backward", "native_layer_norm", "native_layer_norm_backward"),
    "casts, copies": ("copy_", "cat", "fill_"),
    "clipping, AdamW": ("_fused_adamw_", "linalg_vector_norm", "mul_"),
}
REST = "the rest"
TOTAL = "seconds"
KIND_OF = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names}

Work = Callable[[], object]


def shares(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The share of each kind of work, and the sum in seconds.

    Args:
        times: names of operations, and the seconds of each without what it calls.
    """
    sums = dict.fromkeys([*KINDS, REST], 0.0)
    for name, seconds in times:
        sums[KIND_OF.get(name, REST)] += seconds
    total = sum(sums.values())
    return {kind: seconds / total for kind, seconds in sums.items()} | {TOTAL: total}


def profiled(prepare: Callable[[], Work]) -> dict[str, float]:
    """The shares of one piece of work, after it was done once unwatched."""
    prepare()()
    work = prepare()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        work()
    # The profiler counts microseconds.
    return shares((event.key, event.self_cpu_time_total / 1e6) for event in found.key_averages())


def works(embedded: Embedded, case: Case) -> dict[str, Callable[[], Work]]:
    """What is watched of one task."""
    model = partial(embedded.model, case.task.n_outputs)
    architecture = model().architecture
    whole = UnitMask.full(architecture)
    nothing = whole.complement()
    half = mask_keeping(architecture, 0.5)

    def importance(mask: UnitMask, mode: str, order: str, *, pruned: bool) -> Work:
        return partial(
            measure, model(), case.dev, mask, CRITERIA[mode], BATCH_SIZE, order, pruned=pruned
        )

    published = partial(importance, mode="running_sum", order="file", pruned=True)
    strict = partial(importance, mode="per_example", order="length", pruned=False)
    return {
        "fine-tuning, bf16": lambda: partial(train, model(), case.train, RECIPE, 0),
        "importance, published, whole": partial(published, whole),
        "importance, published, nothing kept": partial(published, nothing),
        "importance, strict, whole": partial(strict, whole),
        "importance, strict, half kept": partial(strict, half),
        "evaluation": lambda: partial(predict, model(), case.dev, BATCH_SIZE),
    }


def works_of_rows(embedded: Embedded, case: Case, examples: int) -> dict[str, Callable[[], Work]]:
    """What other scripts time: half of the neurons on a task, and BERT next to ModernBERT."""
    model = partial(embedded.model, case.task.n_outputs)
    masks = {"neurons": shrinking.mask_of_neurons(model().architecture, shrinking.NEURONS)}
    shrunk = shrinking.works(model, case, masks)
    lengths = drawn_lengths(TRAIN_LENGTHS["rte"], examples)
    tokens = drawn_tokens(lengths, families.architecture_of("bert"))
    whole = families.works(tokens, tokens)
    found = {}
    for kind, what in (("train", "fine-tuning, bf16"), ("evaluate", "evaluation")):
        found[f"{case.label}, {what}, half of the neurons"] = shrunk[f"{kind} neurons"]
        for family in ("bert", "modernbert"):
            found[f"{family}, {what}"] = whole[f"{kind} {family}"]
    return found


def printed(found: dict[str, dict[str, float]]) -> str:
    """The shares as a Markdown table, in percent."""
    columns = [*KINDS, REST]
    lines = [["work", *columns, TOTAL], ["---"] * (len(columns) + 2)]
    lines += [
        [name, *(f"{100 * one[kind]:.0f} %" for kind in columns), f"{one[TOTAL]:.2f}"]
        for name, one in found.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Profiles, prints the shares and writes them as json."""
    options = parsed(arguments(__doc__))
    facts: dict[str, Any] = machine()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        embedded = Embedded(Path(folder))
        for task, (train_examples, _) in CASES.items():
            sizes = (16, 16) if options.quick else (train_examples // 4, DEV_EXAMPLES)
            case = case_of(task, embedded.tokenizer, *sizes)
            watched = {f"{case.label}, {name}": w for name, w in works(embedded, case).items()}
            if task == "rte":
                watched |= works_of_rows(embedded, case, 16 if options.quick else DEV_EXAMPLES)
            found |= {name: profiled(prepare) for name, prepare in watched.items()}
    print(printed(found))
    finish(options, facts, [], shares=found)


if __name__ == "__main__":
    main()
