"""Files appear whole or not at all, and what a killed writer left goes."""

import fcntl
import subprocess
import sys

import pytest

from lightman_jax import files
from lightman_jax.files import remove_leftovers, write_atomically


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_a_writer_at_work_is_let_be(tmp_path):
  (tmp_path / '.a.txt.dead').write_text('half')
  with write_atomically(tmp_path / 'a.txt') as file:
    file.write('whole')
    remove_leftovers(tmp_path, '.a.txt.*')
    assert len(names(tmp_path)) == 1 and names(tmp_path) != ['.a.txt.dead']
  assert names(tmp_path) == ['a.txt']
  assert (tmp_path / 'a.txt').read_text() == 'whole'


def test_an_error_leaves_what_was_there(tmp_path):
  (tmp_path / 'a.txt').write_text('before')
  with pytest.raises(KeyboardInterrupt), write_atomically(tmp_path / 'a.txt') as file:
    file.write('half')
    raise KeyboardInterrupt
  assert names(tmp_path) == ['a.txt']
  assert (tmp_path / 'a.txt').read_text() == 'before'


def test_where_nothing_can_be_locked_nothing_is_swept(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(95, 'not supported')
  monkeypatch.setattr(fcntl, 'flock', refuse)
  with write_atomically(tmp_path / 'a.txt') as file:
    file.write('whole')
  (tmp_path / '.a.txt.dead').write_text('half')
  remove_leftovers(tmp_path, '.a.txt.*')
  assert names(tmp_path) == ['.a.txt.dead', 'a.txt']


def test_too_few_open_files_are_said_before_work():
  script = ('import resource; from lightman_jax import files; '
            'resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0})); '
            'files.check_open_files()')
  ends = [subprocess.run([sys.executable, '-c', script.format(most)], text=True,
                         capture_output=True) for most in (files.FEWEST, 63)]
  assert [end.returncode for end in ends] == [0, 1]
  assert 'may have 63 files open' in ends[1].stderr.splitlines()[-1]
