"""What ~ means, and where caches go without a home folder."""

import os
import pathlib
import stat
import subprocess
import sys
import tempfile

import pytest

from lightman_jax import places
from lightman_jax.data import choice
from lightman_jax.inputs import inputs

ROOT = pathlib.Path(places.__file__).parents[1]


@pytest.fixture
def nobody(monkeypatch, tmp_path):
  """A user without HOME and without a passwd entry, and where temporary files go."""
  monkeypatch.delenv('HOME', raising=False)
  for name in places.BELOW_HOME:
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setattr(os.path, 'expanduser', lambda path: path)
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  return tmp_path


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert places.expand('~/a/b') == tmp_path / 'a' / 'b'
  assert places.expand('~') == tmp_path
  for plain in ('a/~/b', '/a', 'a~', '~nobody_at_all/a'):
    assert places.expand(plain) == pathlib.Path(plain)


@pytest.mark.parametrize('name, below', places.BELOW_HOME.items())
def test_a_variable_comes_before_the_home_folder(monkeypatch, tmp_path, name, below):
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.delenv(name, raising=False)
  assert places.standard(name) == tmp_path / below
  monkeypatch.setenv(name, '~/own')
  assert places.standard(name) == tmp_path / 'own'


def test_tests_leave_the_users_data_sets_alone(tmp_path_factory):
  used = choice.choose({'name': 'synthetic'}).home
  assert tmp_path_factory.getbasetemp() in used.parents
  assert tmp_path_factory.getbasetemp() in inputs.cache_folder().parents


def test_without_a_home_folder_there_is_a_temporary_one(nobody, monkeypatch):
  lines = []
  places.use_home(lines.append)
  place = nobody / f'lightman_jax-{os.getuid()}'
  assert os.environ['HOME'] == str(place) and str(place) in lines[0]
  assert 'no entry in passwd' in lines[0] and 'TFDS_DATA_DIR' in lines[0]
  assert stat.S_IMODE(place.stat().st_mode) == 0o700
  monkeypatch.delenv('HOME')
  assert places.standard('XDG_CACHE_HOME') == place / '.cache', 'the same every time'


def test_a_home_that_is_not_there_is_none(nobody, monkeypatch):
  monkeypatch.undo()
  monkeypatch.setenv('HOME', str(nobody / 'gone'))
  monkeypatch.setattr(tempfile, 'tempdir', str(nobody))
  lines = []
  places.use_home(lines.append)
  assert len(lines) == 1 and f"HOME is {str(nobody / 'gone')!r}" in lines[0]
  places.use_home(lines.append)
  assert len(lines) == 1, 'now there is one'


def test_the_folder_of_somebody_else_is_not_used(nobody, tmp_path_factory):
  other = tmp_path_factory.mktemp('other')
  (nobody / f'lightman_jax-{os.getuid()}').symlink_to(other)
  assert places.home().parent == nobody and places.home().name.count('-') == 1
  assert not list(other.iterdir())


@pytest.mark.parametrize('command', [
    ['launch.py', '--config=configs/manifest.py', '--config.data.path=~/no.csv'],
    ['launch.py', '--config=~/no.py'],
    ['-m', 'lightman_jax', 'report', '~/no', '--out=~/out'],
    ['-m', 'lightman_jax', 'verify', '~/no'],
    ['-m', 'lightman_jax', 'doctor', '~/no']])
def test_no_command_looks_for_a_folder_called_tilde(tmp_path, command):
  done = subprocess.run([sys.executable, *command], cwd=ROOT, text=True,
                        capture_output=True, timeout=300,
                        env={**os.environ, 'HOME': str(tmp_path)})
  assert done.returncode == 2 and str(tmp_path / 'no') in done.stderr
  assert '~' not in done.stderr and 'Traceback' not in done.stderr
