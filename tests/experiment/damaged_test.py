"""Whatever a file of a run holds: a sentence that names it, or it is made anew."""

import json

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.experiment import oracle, run, selection, sweep
from lightman_jax.experiment.assembly import Material
from lightman_jax.experiment.findings import FoldLogits
from lightman_jax.runs import folder as run_folder, results
from lightman_jax.runs.folder import open_run
from lightman_jax.tasks.folds import leave_one_subject_out

NO_OBJECTS = ['', '[]', 'null', '{"a": 1', '[' * 10**5]


@pytest.fixture
def folder(tmp_path):
  with open_run(tmp_path / 'run', config={'seed': 0},
                environment={'data_sha256': ''}) as folder:
    yield folder


@pytest.mark.parametrize('text', NO_OBJECTS)
def test_what_is_no_object(folder, text):
  folder.choices.parent.mkdir()
  for path in (folder.oracle_json, folder.choices, folder.environment):
    path.write_text(text)
  for read in (lambda: oracle.describe_oracle(folder.oracle_json),
               lambda: selection._choice_by_fold(folder, [{}]),
               lambda: results.read_results(folder.environment),
               lambda: folder.check({'data_sha256': ''}),
               lambda: sweep._by_other_code(folder.path)):
    with pytest.raises(InputError, match=r'\.json .*--fresh'):
      read()


@pytest.mark.parametrize('resumed', [[1], 'x', {'a': 1}, [{'packages': 3}]])
def test_an_environment_of_other_parts(folder, resumed):
  folder.metrics.write_text('{}\n')
  folder.environment.write_text(json.dumps({'resumed_with': resumed}))
  with pytest.raises(InputError, match=r'environment'):
    folder.check({'data_sha256': '', 'packages': {'jax': '1'}})


@pytest.mark.parametrize('kept', [
    {}, {'folds': 1}, {'folds': {'s0': 1}}, {'folds': {'s0': {'choice': 2}}},
    {'folds': {'s0': {'choice': [0]}}}])
def test_choices_that_are_none(folder, kept):
  folder.choices.parent.mkdir()
  folder.choices.write_text(json.dumps(kept))
  with pytest.raises(InputError, match='choices.json is damaged'):
    selection._choice_by_fold(folder, [{}, {}])


def test_blame_leaves_what_is_said_already(tmp_path):
  with pytest.raises(InputError, match='^said$'), run_folder.blaming(tmp_path):
    raise InputError('said')
  with pytest.raises(InputError, match="x is damaged.*holds no 'a'.*--fresh"):
    with run_folder.blaming('x'):
      {}['a']


def test_a_damaged_fold_counts_as_not_yet_predicted(pool_of, tmp_path):
  pool = pool_of(subjects=2, micro=1, macro=0, classes=2, shape=(1, 2, 2, 2))
  fold = leave_one_subject_out(pool)[0]
  material = Material(None, pool, (fold,), (), '', (pool.label,))
  whole = FoldLogits(np.flatnonzero(fold.test).tolist(), [[1., 2.], [3., 4.]], None)
  place, said = tmp_path / 's0.json', []
  kept = lambda: run._kept_logits(place, fold, material, said.append)
  assert kept() is None and not said
  place.write_text(json.dumps(whole._asdict()))
  assert kept() == whole and not said
  place.write_text(json.dumps(whole._replace(plain=whole.logits)._asdict()))
  assert kept().plain == whole.logits and not said
  others = [dict(index=[0]), dict(index='x'), dict(logits=[[1., 2.]]), dict(plain=3),
            dict(logits=[[1., 2.], [3.]]), dict(logits=[['a', 'b']] * 2), dict(more=1)]
  texts = [*NO_OBJECTS, *(json.dumps({**whole._asdict(), **one}) for one in others)]
  for number, text in enumerate(texts, 1):
    place.write_text(text)
    assert kept() is None, text
    assert len(said) == number and f'{place} is damaged' in said[-1]


@pytest.mark.parametrize('line', ['{"step": 1, "fold": "nobody"}', '{"fold": "a"}',
                                  '{"step": "x", "fold": "a"}'])
def test_a_log_line_of_no_step_of_this_run(folder, line):
  folder.metrics.write_text('{"step": 1, "fold": "a"}\n' + line + '\n')
  before = folder.metrics.read_text()
  with pytest.raises(InputError, match='metrics.jsonl is damaged'):
    run._forget_unfinished(folder, {'a': 2}, pytest.fail)
  assert folder.metrics.read_text() == before


@pytest.mark.parametrize('steps, short', [((1, 2, 3), 0), ((1, 3), 1), ((), 2)])
def test_steps_that_a_log_has_lost_are_told(folder, steps, short):
  said, line = [], '{{"step": {}, "fold": "{}"}}\n'.format
  folder.metrics.write_text(''.join(line(n, 'a') for n in steps)
                            + line(1, 'b') * (short < 2))
  run._forget_unfinished(folder, {'a': 2, 'b': 1, 'c': 0}, said.append)
  again = ['this run was begun before: 3 of its steps are kept, and 1 that no '
           'checkpoint holds are done again'] if 3 in steps else []
  assert said[:len(again)] == again and len(said) == len(again) + bool(short)
  if short:
    assert str(folder.metrics) in said[-1] and f'steps of {short} fold' in said[-1]
  assert '"step": 3' not in folder.metrics.read_text()


def test_a_log_that_is_gone_is_told(folder):
  said = []
  run._forget_unfinished(folder, {'a': 0}, pytest.fail)
  run._forget_unfinished(folder, {'a': 2}, said.append)
  assert len(said) == 1 and 'steps of 1 fold,' in said[0]


@pytest.mark.parametrize('content', [{}, {'rows': {}}, {'about': {}}])
def test_results_without_a_result(tmp_path, content):
  (tmp_path / 'results.json').write_text(json.dumps(content))
  with pytest.raises(InputError, match='results.json cannot be read .*--fresh'):
    results.read_results(tmp_path / 'results.json')
