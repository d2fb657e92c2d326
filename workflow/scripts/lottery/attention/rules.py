"""What attention maps are judged by, fixed before any run: scores, thresholds, classes, tests.

Scores. Each says how much of a map a form explains: 0 is what even attention over all tokens gives,
1 that the form is all there is. `lottery.attention.scores` computes them; the entropy alone has
another scale.

Threshold. A form is seen in a map where its score is at least `SEEN`, one number for all forms. A
quarter, since two forms may share a map: one with a third of its attention on a column or two, a
third on a diagonal and the rest spread evenly shows both, at 16 tokens too. Random maps of 16
tokens, the shortest that are looked at by default, seldom reach it: of 20,000 maps whose rows are
drawn from a Dirichlet distribution with a concentration of 0.05 (a row attends to one or two
tokens), 0.5 % do so on the diagonal, and none by a column or a block; from a concentration of 0.2
on, or with 24 tokens, fewer than 0.05 % do.

Classes. Those of Kovaleva et al. 2019, Revealing the Dark Secrets of BERT, by the forms that are
seen (`class_of`). A block is one where its score is the largest of the three: the columns of a
block that is much longer than the other look like lines, but less so than the map looks like
blocks. The rules were not fitted to any annotated map; `analysis: annotated_maps` measures how
well they agree.

Tests. For each of `TESTED` the correlation of a head's survival with its value, over the heads of
a model, in the fine-tuned and in the pretrained model, of raw and of norm-weighted maps. Chance:
the heads of a layer swap their survival, since both survival and attention differ between layers;
a head has the same swap in all tasks and seeds, since these share a pretrained model. P-values are
two-sided, and corrected by Holm over `TESTED`, for each task, state of the weights and kind of map.
The mix of classes is compared between the pretrained and the fine-tuned model by the total
variation distance; its chance swaps the two states head by head. No torch.
"""

from __future__ import annotations

import numpy as np

# Attention probabilities, and these times the norms of the vectors that they weigh (Kobayashi et
# al. 2020, Attention is Not Only a Weight). The order is that of every array, also of what follows.
ATTENTION = ("raw", "normed")
ATTENTION_WORDS = {"raw": "raw", "normed": "weighted"}
WEIGHTS = ("fine_tuned", "pretrained")
SCORES = ("diagonal", "previous", "next", "special", "vertical", "block", "entropy")
CLASSES = ("heterogeneous", "block", "diagonal", "vertical", "vertical_diagonal")
HETEROGENEOUS = "heterogeneous"
WORDS = {name: name.replace("_", " + ") for name in CLASSES}

SEEN = 0.25
# The share of a head's maps that are heterogeneous, and the scores.
TESTED = (HETEROGENEOUS, *SCORES)


def class_of(scores: np.ndarray) -> np.ndarray:
    """Sorts maps into classes by their scores.

    Args:
        scores: float [..., scores].

    Returns:
        Places in `CLASSES`, int64 [...].
    """
    seen = {name: scores[..., place] >= SEEN for place, name in enumerate(SCORES)}
    diagonal, vertical = seen["diagonal"], seen["vertical"]
    lines = [SCORES.index("diagonal"), SCORES.index("vertical")]
    largest = scores[..., SCORES.index("block")] > scores[..., lines].max(axis=-1)
    found = {
        "block": seen["block"] & largest,
        "vertical_diagonal": diagonal & vertical,
        "diagonal": diagonal,
        "vertical": vertical,
    }
    # The first that holds decides.
    places = [CLASSES.index(name) for name in found]
    return np.select([*found.values()], places, CLASSES.index(HETEROGENEOUS))
