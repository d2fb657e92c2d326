"""Options that algorithms share, and the names of subnetworks. Plain facts, no heavy imports."""

from __future__ import annotations

from lottery.pruning.algorithms.declaration import (
    Choice,
    Integer,
    Number,
    Option,
    Switch,
    Text,
    UnitKinds,
)
from lottery.pruning.criteria import ORDERED

# Options of every algorithm that searches down to a threshold.
SEARCH_OPTIONS: dict[str, Option] = {
    "search_on": Option(
        "validation",
        "search_half",
        Choice("validation", "search_half", "report_half", "train_sample"),
        "The examples that the search scores - validation, one of its halves, or a fixed sample of "
        "the training data of the size of validation.",
    ),
    "threshold": Option(
        "full",
        "majority",
        Choice("full", "majority"),
        "The score a subnetwork must keep - full is keep_score x the full model's; majority is "
        "majority + keep_score x (full - majority).",
    ),
    "keep_score": Option(0.9, 0.9, Number(above=0, at_most=1), "The factor of the threshold."),
    "search_metric": Option(
        "search",
        "reported",
        Choice("search", "reported"),
        "The score of the search - search is the task's own (STS-B the mean of Pearson and "
        "Spearman), reported the one that tables show.",
    ),
    "majority": Option(
        "validation",
        "train",
        Choice("validation", "train"),
        "The labels that the majority baseline of the threshold is made from.",
    ),
    "search_batch_size": Option(64, 64, Integer(at_least=1), "Examples per batch of the search."),
    "search_order": Option(
        "file",
        "length",
        Choice("file", "length"),
        f"Order of the examples in the search; {' and '.join(ORDERED)} depend on it and require "
        "file.",
    ),
    "halves": Option(
        False,
        True,
        Switch(),
        "Whether subnetworks of exactly half of each kind of unit (or of the weights) are made, "
        "and the controls come from them.",
    ),
}
# Those of an algorithm that scores a subnetwork without a threshold.
SCORE_OPTIONS = {
    name: SEARCH_OPTIONS[name] for name in ("search_on", "search_metric", "search_batch_size")
}
# Those that decide where a search down to a threshold ends.
THRESHOLD_OPTIONS = {name: SEARCH_OPTIONS[name] for name in ("threshold", "keep_score", "majority")}
# Of every algorithm that prunes units.
EMPTIED_ATTENTION = Option(
    "drop_bias",
    "keep_bias",
    Choice("drop_bias", "keep_bias"),
    "The output bias of an attention layer that lost all its heads, in evaluation and retraining.",
    applies_to="model",
)
# The names that the workflow itself reads, so that no algorithm may use them for something else.
SHARED = SEARCH_OPTIONS | {
    "emptied_attention": EMPTIED_ATTENTION,
    "units": Option(["head", "mlp"], ["head", "mlp"], UnitKinds(), "What is pruned."),
    "masks": Option(None, None, Text("^[^{}]*$"), "The files of masks.", applies_to="import"),
}
