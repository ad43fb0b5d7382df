"""What a finished run says below its table."""

import pathlib

from lightman_jax.report.run_folder import RunFolder
from lightman_jax.run import besides


def test_what_comes_next_can_be_pasted_into_a_shell():
  line = list(besides.lines(RunFolder(pathlib.Path('runs/a b'), None)))[-1]
  assert line == ("next: python -m lightman_jax report 'runs/a b' "
                  "--out='runs/a b-report'")
