"""Times training and evaluation of each family of encoders per FLOP, against BERT.

Random weights, hidden width 384, 6 layers of 12 heads, and examples with the lengths of RTE: one
epoch of training (bf16, batches of 32) and one evaluation (fp32). MLPs are 1536 wide, ModernBERT's
gated ones 576, as in ModernBERT-base one and a half times the hidden width; ELECTRA's embeddings
are 128 wide. A FLOP is one of the products with weights that are really done. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/families.py --json build/bench/families.json
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from drawn import BERT_BASE, DEV_LENGTHS, TRAIN_LENGTHS, drawn_lengths, drawn_model, drawn_tokens
from growth import RECIPE, SIZES
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.architecture import Architecture
from lottery.training.loop import train
from measuring import arguments, flops_done, machine, median_seconds, parsed
from rows import Row, finish
from shrinking import BATCH_SIZE

TARGET = 1.15
EXAMPLES = 256
VOCABULARY = 8192  # near the number of different words in so few examples of RTE
AS_BERT = BERT_BASE | SIZES | {"vocab_size": VOCABULARY}
DISTILBERT_KEYS = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": AS_BERT,
    "roberta": AS_BERT | {"max_position_embeddings": 514, "type_vocab_size": 1},
    "distilbert": {DISTILBERT_KEYS.get(key, key): value for key, value in AS_BERT.items()},
    "electra": AS_BERT | {"embedding_size": 128},
    "modernbert": AS_BERT | {"intermediate_size": 576},
}
# Kind of work -> FLOPs per weight and token, see `measuring.flops_done`.
KINDS = {"train": 6, "evaluate": 2}


def architecture_of(family: str) -> Architecture:
    """The sizes of a family's encoder."""
    return Architecture.from_config(CONFIGS[family] | {"model_type": family}, family)


def works(training: Tokens, dev: Tokens) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Training and evaluation of each family."""

    def trained(family: str) -> Callable[[], Any]:
        return partial(train, drawn_model(architecture_of(family)), training, RECIPE, 0)

    def evaluated(family: str) -> Callable[[], Any]:
        return partial(predict, drawn_model(architecture_of(family)), dev, BATCH_SIZE)

    return {
        f"{kind} {family}": partial(prepare, family)
        for kind, prepare in (("train", trained), ("evaluate", evaluated))
        for family in CONFIGS
    }


def rows_of(seconds: dict[str, float], training: Tokens, dev: Tokens) -> list[Row]:
    """The rows of all families but BERT, from the seconds of `works`."""
    rows = []
    for kind, per_weight in KINDS.items():
        lengths = (training if kind == "train" else dev).lengths
        costs = {
            family: 1e12
            * seconds[f"{kind} {family}"]
            / flops_done(architecture_of(family), lengths, per_weight)
            for family in CONFIGS
        }
        bert = costs.pop("bert")
        rows += [
            Row(f"{kind}, {family}: per FLOP", cost, "s/TFLOP", "bert", bert, cost / bert, TARGET)
            for family, cost in costs.items()
        ]
    return rows


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    options = parsed(arguments(__doc__))
    facts, count = machine(), 16 if options.quick else EXAMPLES
    bert = architecture_of("bert")
    training, dev = (
        drawn_tokens(drawn_lengths(deciles["rte"], count), bert)
        for deciles in (TRAIN_LENGTHS, DEV_LENGTHS)
    )
    seconds = median_seconds(works(training, dev), options.repeats)
    finish(options, facts, rows_of(seconds, training, dev), seconds=seconds)


if __name__ == "__main__":
    main()
