"""What only stands beside a result costs none."""

import errno

import pytest

from lightman_jax.experiment import findings
from lightman_jax.experiment.findings import optional
from lightman_jax.runs.folder import RunFolder

FOUND = {'rows': {'maml': {'confusion': [[1, 0], [0, 1]]}},
         'about': {'protocol': '', 'dataset': '', 'class_set': '', 'sheet': ''}}


@pytest.mark.parametrize('error', [
    ValueError('a\nb'), RuntimeError('a b'), ImportError('a b'), OSError('a b')])
def test_a_failure_is_a_line(error):
  lines = []
  with optional('x.png', lines.append):
    raise error
  assert lines == [f'x.png is not made ({type(error).__name__}: a b); results do not '
                   'depend on it']


def test_a_full_disk_is_no_matter_of_decoration():
  with pytest.raises(OSError), optional('x.png', print):
    raise OSError(errno.ENOSPC, 'No space left on device')


def test_who_ends_the_program_ends_it():
  with pytest.raises(KeyboardInterrupt), optional('x.png', print):
    raise KeyboardInterrupt


def test_one_figure_that_fails_leaves_the_others(tmp_path, monkeypatch):
  from lightman_jax.report import figures, table

  def broken(*arguments, **options):
    raise RuntimeError('no font')
  monkeypatch.setattr(figures, 'confusion_matrix', broken)
  monkeypatch.setattr(table, 'caption', lambda about: ['caption'])
  lines, folder = [], RunFolder(tmp_path, None)
  folder.metrics.write_text('')
  folder.actions_json.write_text('no json')
  findings._draw(folder, FOUND, 'maml', ('a', 'b'), lines.append)
  assert [line.split()[0] for line in lines] == ['confusion.png', 'actions.png']
  assert folder.curves.exists()
