"""Layer-wise one-shot magnitude pruning: the largest weights of each parameter, in one step.

Magnitude pruning as the paper has it ranks all weights of the body together and goes on until the
score falls below a threshold. Here each parameter of the body keeps the same share of its own
weights, whatever that does to the score.
"""

from functools import partial

import numpy as np

from lottery import files
from lottery.pruning.algorithms import SCORE_OPTIONS, Algorithm, Number, Option
from lottery.pruning.masks import WeightMask

OPTIONS = SCORE_OPTIONS | {
    "keep": Option(
        published=0.6,
        strict=0.6,
        values=Number(above=0, at_most=1),
        help="Share of each parameter's weights that is kept.",
    ),
}


def search(context):
    """Cuts every parameter once, and scores the full model and the pruned one."""
    # What imports torch is imported here, where it is needed.
    from lottery.evaluation.predict import predict
    from lottery.pruning.algorithms.magnitude import body_of
    from lottery.pruning.algorithms.search import SearchResult, Step
    from lottery.pruning.shrink import zero_weights

    options = context.options
    magnitudes = {
        name: weights.detach().abs().cpu().numpy()
        for name, weights in body_of(context.model).items()
    }
    counts = {name: round(options["keep"] * array.size) for name, array in magnitudes.items()}
    full = WeightMask({name: np.ones(array.shape, bool) for name, array in magnitudes.items()})
    good = WeightMask({name: largest(array, counts[name]) for name, array in magnitudes.items()})

    def measure(mask):
        zero_weights(context.model, mask)
        logits = predict(context.model, context.tokens, options["search_batch_size"])
        return {"score": context.score(logits)}

    steps = []
    for name, mask in (("full", full), ("good", good)):
        # An interrupted job asks again, and is given what it measured before.
        score = context.cache.get(name, partial(measure, mask))["score"]
        steps.append(
            Step(
                stage="weights",
                heads_kept=None,
                mlps_kept=None,
                kept_fraction=mask.kept / mask.size,
                score=score,
                threshold=None,
                accepted=True,
            )
        )
    # With the fine-tuned weights, the number that each parameter keeps gives both masks.
    kept = [[int(array.sum()) for array in mask.parameters.values()] for mask in (full, good)]
    return SearchResult({"good": good}, steps, path={"kept_by_parameter": np.array(kept)})


def sample(kind, source, path_to_model, rng):
    """Draws `random`, or takes the smallest weights as `bad`; each parameter keeps its number."""
    if kind == "random":
        return WeightMask(
            {
                name: rng.permutation(kept.ravel()).reshape(kept.shape)
                for name, kept in source.parameters.items()
            }
        )
    weights, _ = files.read_arrays(path_to_model)
    return WeightMask(
        {
            name: largest(-np.abs(weights[name]), int(kept.sum()))
            for name, kept in source.parameters.items()
        }
    )


def largest(array, count):
    """Marks the `count` largest entries of an array; of equal ones the first."""
    marked = np.zeros(array.shape, bool)
    marked.flat[np.argsort(-array, axis=None, kind="stable")[:count]] = True
    return marked


KINDS = ("good", "random", "bad")
ALGORITHM = Algorithm(
    name="layerwise_magnitude",
    summary="Keeps the largest weights of each parameter, in one step.",
    granularity="weights",
    version=1,
    options=OPTIONS,
    subnetworks={"published": KINDS, "strict": KINDS},
    default_subnetworks={"published": KINDS, "strict": KINDS},
    sources={"random": "good", "bad": "good"},
    search=search,
    sample=sample,
)
