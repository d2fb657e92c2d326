"""Tables of results: they read result files only, never a model."""
