"""The words of the analysis of attention patterns, in the order of every array. No torch here."""

from __future__ import annotations

# The classes of Kovaleva et al. 2019, Revealing the Dark Secrets of BERT: attention to neighbours,
# to a few tokens from everywhere, to both, within a segment, and all that is none of these.
CLASSES = ("heterogeneous", "block", "diagonal", "vertical", "vertical_diagonal")
HETEROGENEOUS = "heterogeneous"
# Attention probabilities, and these times the norms of the vectors that they weigh (Kobayashi et
# al. 2020, Attention is Not Only a Weight).
ATTENTION = ("raw", "normed")
WEIGHTS = ("fine_tuned", "pretrained")
