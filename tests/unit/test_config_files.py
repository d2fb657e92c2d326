"""Config files that no study can be read from end in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_study import study

from lottery.config import read_config
from lottery.files.errors import StudyError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("? [a, b]\n: 3", "line 1: a list or map is no key"),
        ("a: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
    ],
)
def test_odd_yaml(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as caught:
        read_config(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_path_longer_than_the_system_allows(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"names a file that cannot be used: .*too long"):
        study(f"models: {{a: {{source: /tmp/{'a' * 5000}}}}}", tmp_path)
