"""Two start the same run: one goes on, the other says who that is and leaves."""

import os
import subprocess
import sys

import pytest

from lightman_jax.errors import InputError
from lightman_jax.runs import folder

HOLDER = """
import sys
from lightman_jax.runs import folder
file = folder.take(sys.argv[1])
print('held', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
  process = subprocess.Popen([sys.executable, '-c', HOLDER, tmp_path], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.communicate()


def test_the_owner_is_named_and_its_death_frees_the_folder(holder, tmp_path):
  with pytest.raises(InputError, match=f'in use by process {holder.pid} .*--workdir'):
    folder.take(tmp_path)
  holder.kill()
  holder.wait()
  with folder.take(tmp_path):
    assert (tmp_path / folder.NAME).read_text().startswith(f'process {os.getpid()} ')


@pytest.mark.parametrize('owner', [
    f'process {os.getpid()} on here\n', 'process 1 on elsewhere\n', '', '\0' * 9],
    ids=['number used again', 'another host', 'empty', 'after a power cut'])
def test_what_a_dead_owner_left_binds_nobody(tmp_path, owner):
  (tmp_path / folder.NAME).write_text(owner)
  with folder.take(tmp_path):
    pass


def test_a_child_does_not_keep_the_lock(tmp_path):
  """Workers outlive a killed run by a moment; they must not hold its folder."""
  with folder.take(tmp_path):
    child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'],
                             stdin=subprocess.PIPE)
  with folder.take(tmp_path):
    assert child.poll() is None
  child.communicate()
