"""Analyses of masks and importances: arrays in, rows of tables out. numpy, no torch."""
