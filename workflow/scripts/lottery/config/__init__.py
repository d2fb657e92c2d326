"""The config: from the YAML that users write to a study with nothing left to default.

`load_study` is the way in. It raises one sentence for the first thing that is wrong.
"""

from lottery.config.command_line import typed
from lottery.config.grid import Cell, cells, mask_path, targets, wildcard
from lottery.config.load import load_study, read_config, refuse_misread
from lottery.config.study import Method, Model, Study

__all__ = [
    "Cell",
    "Method",
    "Model",
    "Study",
    "cells",
    "load_study",
    "mask_path",
    "read_config",
    "refuse_misread",
    "targets",
    "typed",
    "wildcard",
]
