"""What barriers between two trainings of a subnetwork are called stable, and their table."""

from __future__ import annotations

from lottery import files

# A barrier below this is called stable; it is an error rate, so only where accuracy is reported.
STABLE, OF_METRIC = 0.02, "accuracy"
# barriers.csv, a row for each subnetwork and seed; barrier is empty where an error is undefined.
BARRIERS: files.Schema = dict.fromkeys(("model", "method", "task", "subnetwork", "metric"), str) | {
    "seed": int,
    "barrier": float,
}
