"""From a task's source to batches: reading, checking, splitting, tokenising."""
