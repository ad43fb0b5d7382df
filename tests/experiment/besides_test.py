"""What a finished run says below its table."""

import json
import pathlib

import pytest

from lightman_jax.experiment import findings
from lightman_jax.runs.folder import RunFolder


@pytest.mark.parametrize('scores, asked', [
    ('', ''),
    ('my scores.py:f2', " --score='my scores.py:f2'"),
])
def test_what_comes_next_can_be_pasted_into_a_shell(
    tmp_path, monkeypatch, scores, asked):
  monkeypatch.chdir(tmp_path)
  folder = RunFolder(pathlib.Path('runs/a b'), None)
  folder.path.mkdir(parents=True)
  folder.config.write_text(json.dumps({'evaluation': {'scores': scores}}))
  line = list(findings.describe_files(folder))[-1]
  assert line == ("next: python -m lightman_jax report 'runs/a b' "
                  f"--out='runs/a b-report'{asked}")
