"""What a finished run says below its table."""

import pathlib

from lightman_jax.experiment import findings
from lightman_jax.runs.folder import RunFolder


def test_what_comes_next_can_be_pasted_into_a_shell():
  line = list(findings.describe_files(RunFolder(pathlib.Path('runs/a b'), None)))[-1]
  assert line == ("next: python -m lightman_jax report 'runs/a b' "
                  "--out='runs/a b-report'")
