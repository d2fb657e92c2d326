"""The library of the study: what the rules of the workflow run."""
