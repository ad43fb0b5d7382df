"""python -m lightman_jax build and replica."""

import pytest

from lightman_jax.__main__ import main


def test_build_says_what_it_built(tmp_path, capsys):
  arguments = ['build', 'synthetic', '--data_dir', str(tmp_path), '--frames', '1',
               '--size', '16', '--synthetic', 'subjects=2', 'micro=3', 'macro=0']
  assert main(arguments) == 0
  shown = capsys.readouterr().out
  assert 'synthetic/synthetic_3-seed0-p2-micro3-macro0-fps200-t1-s16: 6 clips' in shown
  assert 'negative 2, positive 2, surprise 2' in shown


@pytest.mark.parametrize('arguments, words', [
    (['build', 'casme2'], 'CASME II: no annotation sheet'),
    (['build', 'casme3'], "nearest that exists is 'casme'"),
    (['build', 'synthetic', '--synthetic', 'subjects=two'], 'KEY=NUMBER'),
    (['replica', 'casme2', '{}'], 'not an empty folder'),
    (['bild'], "'bild' is no command"),
    ([], 'usage')])
def test_what_is_wrong_is_said_without_a_traceback(tmp_path, capsys, arguments, words):
  (tmp_path / 'something').touch()
  arguments = [word.format(tmp_path) for word in arguments]
  if arguments[:1] == ['build']:
    arguments += ['--data_dir', str(tmp_path)]
  assert main(arguments) == 2
  shown = capsys.readouterr()
  assert words in shown.err and not shown.out
