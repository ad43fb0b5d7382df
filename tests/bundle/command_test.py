"""python -m lightman_jax final: what it says, and what it refuses."""

import pytest

from lightman_jax.bundle.command import final


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


@pytest.mark.parametrize('words, sentence', [
    (['--fold=nobody'], "has no fold 'nobody'; the nearest is "),
    (['--seeds=0'], 'seeds is 0; give 1 to 64'),
    (['--fold=fold2of2', '--seeds=2'], 'seeds is 2; give 1 to 64, and of a fold')])
def test_of_a_run(words, sentence, carried, tmp_path, capsys):
  run, _, _ = carried('supervised')
  assert final([str(run.path), f'--out={tmp_path}/m', *words]) == 2
  assert sentence in capsys.readouterr().err
  assert not (tmp_path / 'm').exists()


def test_what_it_says(carried, tmp_path, capsys):
  run, _, _ = carried('supervised')
  assert final([str(run.path), f'--out={tmp_path}/m', '--fold=fold2of2']) == 0
  said = capsys.readouterr().out
  assert 'bytes of weights' in said and 'to expect: UF1' in said
  assert 'no sets: 2 people are too few' in said and 'synthetic people' in said
