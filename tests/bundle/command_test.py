"""python -m lightman_jax final: what it says, and what it refuses."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from lightman_jax.bundle import command
from lightman_jax.bundle.command import final

from .conftest import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('words, sentence', [
    (['no_such', '--out={}/m'], "there is no configuration 'no_such'"),
    (['{}', '--out={}/m'], 'is no run folder: it has no config.json'),
    (['{}', '--out={}/m', '--export=tflite'], '--export=tflite is no form; there are '
     'stablehlo'),
    (['{}', '--out={}'], 'holds files already')])
def test_refused_in_one_sentence(words, sentence, tmp_path, capsys):
  (tmp_path / 'mine.txt').write_text('mine')
  assert final([word.format(tmp_path) for word in words]) == 2
  said = capsys.readouterr()
  assert said.out == '' and said.err.startswith('final: ')
  assert said.err.count('\n') == 1 and sentence in said.err
  assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


TRAIN = '''
import json, sys
import lightman_jax as lm
lm.train_final(json.loads(sys.argv[1]), sys.argv[2])
'''


@pytest.mark.slow
def test_a_killed_training_goes_on_from_its_checkpoint(tmp_path):
  settings = tiny('supervised', **{'training.steps': 200,
                                   'training.checkpoint_every': 5})

  def start(place):
    return subprocess.Popen(
        [sys.executable, '-c', TRAIN, json.dumps(settings), str(place)], cwd=ROOT,
        stderr=subprocess.PIPE, text=True)
  killed = tmp_path / 'killed'
  first = start(killed)
  while not any(killed.glob('.unfinished/*/*/about.json')):
    assert first.poll() is None, first.stderr.read()
    time.sleep(.05)
  first.kill()
  first.communicate()
  assert not (killed / 'model.json').exists()
  for place in (killed, tmp_path / 'whole'):
    process = start(place)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert ('seed 0 goes on from step' in said) == (place == killed)
    assert sorted(path.name for path in place.iterdir()) == [
        'model.json', 'weights.safetensors']
  for name in ('model.json', 'weights.safetensors'):
    assert (killed / name).read_bytes() == (tmp_path / 'whole' / name).read_bytes()


def test_a_signal_ends_it_in_a_sentence(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(command, '_final', lambda options: os.kill(os.getpid(),
                                                                 signal.SIGTERM))
  assert final([str(tmp_path), f'--out={tmp_path}/m']) == 130
  assert 'the same command goes on from the last checkpoint' in capsys.readouterr().err
