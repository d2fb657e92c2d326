"""What barriers between two trainings of a subnetwork are called stable, and their table."""

from __future__ import annotations

from lottery import files

# Where the interval of the barrier stays below this, training is called stable; it is an error
# rate, so only where accuracy is reported.
BOUND, OF_METRIC = 0.02, "accuracy"
STABLE, UNSTABLE, UNDECIDED = "stable", "unstable", "undecided"
# barriers.csv, a row for each subnetwork and seed; barrier is empty where an error is undefined.
BARRIERS: files.Schema = dict.fromkeys(("model", "method", "task", "subnetwork", "metric"), str) | {
    "seed": int,
    "barrier": float,
}
