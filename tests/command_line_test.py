"""What all commands have in common: suggestions, and refusals with a code."""

import errno
import os
import subprocess
import sys

import pytest

from lightman_jax import __main__, command_line, places, settings
from lightman_jax.configurations.named import settings_by_name
from lightman_jax.errors import InputError
from lightman_jax.experiment import launch
from lightman_jax.runs import folder as run_folder


@pytest.mark.parametrize('words, near', [
    (['trian'], "'trian' is no command; the nearest is 'train'"),
    (['cache', 'delte', 'inputs'], "'delte' is no choice; the nearest is 'delete'"),
    (['replica', 'sam', 'x'], "the nearest is 'samm'"),
    (['spotting', 'scor'], "the nearest is 'score'"),
    (['completion', 'bahs'], "the nearest is 'bash'"),
    (['explain', 'E1O1'], "the nearest is explain E101"),
    (['cache', 'delete', 'inputz'], "the nearest is 'inputs'"),
    (['score', 'a.csv', '--agianst=b.csv'], "the nearest is '--against'"),
    (['verify', 'runs/x', '--rern'], "the nearest is '--rerun'"),
    (['inputs', 'exprot', 'x', 'y'], "the nearest is 'export'")])
def test_a_misspelt_word_has_a_near_one(words, near, capsys):
  try:
    code = __main__.main(words)
  except SystemExit as ended:
    code = ended.code
  assert code == 2
  assert near in ' '.join(capsys.readouterr().err.split())


def test_what_resembles_nothing_has_none(capsys):
  assert __main__.main(['xylophone']) == 2
  assert 'nearest' not in capsys.readouterr().err


@pytest.mark.parametrize('error, words', [
    (InputError('bad'), 'score: bad [E'),
    (OSError(errno.ENOSPC, 'No space left on device', 'x.csv'),
     'score: the disk is full at x.csv: free some space and give the same command '
     'again [E504]'),
    (OSError(errno.EACCES, 'Permission denied', 'x.csv'),
     '--out of other commands, TFDS_DATA_DIR of data sets [E504]'),
    (OSError(errno.EIO, 'Input/output error', 'x.csv'),
     'score: Input/output error at x.csv [E504]')])
def test_every_refusal_has_a_code(error, words, capsys):
  @command_line.refusing('score')
  def fail(arguments):
    raise error
  assert fail([]) == 2
  assert words in capsys.readouterr().err


def test_a_full_disk_without_a_name_is_no_fault_of_the_terminal(capsys):
  @command_line.refusing('replica')
  def fail(arguments):
    raise OSError(errno.ENOSPC, 'No space left on device')
  assert fail([]) == 2
  assert 'replica: the disk is full: free some' in capsys.readouterr().err


def test_what_a_command_cannot_print_is_no_refusal_of_its_own():
  @command_line.refusing('score')
  def fail(arguments):
    raise BrokenPipeError(errno.EPIPE, 'Broken pipe')
  with pytest.raises(BrokenPipeError):
    fail([])


@pytest.mark.parametrize('words, lines', [
    (['--config=a', '--config.seed=1'], []),
    (['--config.seed=1', '--config.seed=1'], []),
    (['--config.seed=1', '--config.seed', '2', '--fresh'],
     ['--config.seed is given 2 times (1, 2): the last value counts']),
    (['--seeds', '2', '-seeds=3', '--list', '--list'],
     ['--seeds is given 2 times (2, 3): the last value counts'])])
def test_a_flag_that_is_given_twice_is_told_of(words, lines):
  assert [*launch.given_twice(['launch.py', *words])] == lines


def test_letters_that_a_terminal_lacks_are_spelt_out(tmp_path):
  place = tmp_path / '\xfc.csv'
  place.write_text('clip,subject,truth,prediction\na,1,x,x\nb,2,y,y\nc,3,x,y\n')
  done = subprocess.run(
      [sys.executable, '-m', 'lightman_jax', 'score', place.name], cwd=tmp_path,
      capture_output=True, text=True, env={**os.environ, 'PYTHONIOENCODING': 'ascii'})
  assert done.returncode == 0, done.stderr
  assert r'\xfc.csv has no column fold' in done.stdout


NO_TEXT = os.fsdecode(b'/tmp/\xff\xfe')


def test_a_path_that_is_no_text_is_a_sentence(monkeypatch, tmp_path):
  """Settings and results are written in UTF-8: such a name could not be."""
  with pytest.raises(InputError, match="data.manual_dir is .*no text in UTF-8.*link"):
    settings.check(settings_by_name('casme2', **{'data.manual_dir': NO_TEXT}))
  with pytest.raises(InputError, match="--workdir is '.*udcff.*link to it") as refused:
    run_folder.open_run(tmp_path / os.fsdecode(b'\xff'), config={'seed': 0})
  assert refused.value.code == 'E504'
  assert not any(tmp_path.iterdir())
  for variable in places.BELOW_HOME:
    monkeypatch.setenv(variable, NO_TEXT)
    with pytest.raises(InputError, match=f'{variable} is'):
      places.standard(variable)


@pytest.mark.slow
def test_a_shell_without_utf_8_is_told_of_it(tmp_path):
  """In such a shell the letters of a name are bytes."""
  done = subprocess.run(
      [sys.executable, '-m', 'lightman_jax', 'train', '--config=synthetic:debug',
       os.fsencode(f'--workdir={tmp_path}/\xfc')], capture_output=True, text=True,
      env={**os.environ, 'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'})
  assert done.returncode == 2 and 'Traceback' not in done.stderr
  assert 'set PYTHONUTF8=1' in done.stderr, done.stderr
