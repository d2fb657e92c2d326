"""Figures: they read result files and tables only, never a model."""
