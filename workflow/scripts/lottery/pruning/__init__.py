"""Masks, where they come from, and what they do to a model."""
