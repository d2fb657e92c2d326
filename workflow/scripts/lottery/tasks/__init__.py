"""The tasks: plain facts, no data.

A task comes from an entry of the config: one of the nine GLUE presets, HANS, a generated task, or
files of the user's own. The order of `Task.labels` is the order of the model's outputs everywhere;
sources are mapped onto it by name.
"""
