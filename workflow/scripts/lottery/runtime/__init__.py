"""How jobs and runs are carried out: logs, provenance, GPUs, locks, resuming, progress."""
