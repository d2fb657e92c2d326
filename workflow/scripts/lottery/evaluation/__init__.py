"""From a model to predictions and scores."""
