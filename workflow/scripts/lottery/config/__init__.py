"""The config: from the YAML that users write to a study with nothing left to default.

`load_study` is the way in. It raises one sentence for the first thing that is wrong.
"""

from lottery.config.load import load_study, read_config, typed
from lottery.config.study import Method, Model, Study

__all__ = ["Method", "Model", "Study", "load_study", "read_config", "typed"]
