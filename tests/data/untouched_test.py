"""A licensed copy is read, and nothing is written into it."""

import pytest

from lightman_jax.__main__ import main
from lightman_jax.synthetic.replicas.write import write_replica


def everything(folder):
  """What a file is, and when it and its folder were last written."""
  return {str(path.relative_to(folder)):
          (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
          for path in (folder, *folder.rglob('*'))}


@pytest.mark.parametrize('name', ['casme2', 'smic', 'casme_squared'])
def test_a_copy_stays_as_it_is(name, replica, tmp_path, capsys):
  copy, home = replica, tmp_path / 'home'
  if name != 'casme2':
    copy = tmp_path / 'copy'
    write_replica(name, copy, per_class=1, frames=3, size=(24, 24))
  before = everything(copy)
  small = ['--data_dir', str(home), '--frames', '3', '--size', '16']
  # 1 tells that some clips of the replica cannot be used.
  assert main(['doctor', str(copy), '--name', name, *small]) <= 1
  assert main(['build', name, '--manual_dir', str(copy), *small]) == 0
  assert f'{name}/' in capsys.readouterr().out and any(home.rglob('*.array_record*'))
  assert everything(copy) == before
