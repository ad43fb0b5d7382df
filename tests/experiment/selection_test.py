"""Settings chosen inside each fold: by other people than who is held out."""

import json

import numpy as np
import pytest

from configs import synthetic
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly, selection
from lightman_jax.experiment.findings import FoldLogits
from lightman_jax.runs.folder import open_run

CANDIDATES = 'method.inner_rate=.1,.2,.3'


@pytest.fixture(scope='module')
def arranged(pool_of):
  """A function of settings and inputs to the material of six people."""
  pool = pool_of(subjects=6, micro=2, macro=1, classes=2, shape=(1, 2, 2, 2), signal=2.)
  n = len(pool.label)
  clips = ClipSet(
      np.zeros((n, 3, 8, 8, 3), np.uint8), np.full((n, 3, 68, 2), np.nan, np.float32),
      pool.label, pool.macro, tuple(pool.subjects[s] for s in pool.subject), pool.clips,
      ('',) * n, pool.classes, {'sha256': '', 'dataset': 'made-up'})

  def arrange(seed=0, wrong=0., candidates=CANDIDATES, share=.4, poison=None):
    config = synthetic.get_config().to_dict()
    config['seed'], config['training']['wrong_labels'] = seed, wrong
    config['episodes'].update(shots=2, queries=2)
    config['select'].update(by='inner', candidates=candidates, share=share)
    x = pool.x.copy()
    if poison is not None:
      x[pool.subject == poison] = np.nan
    return config, assembly.arrange(config, clips, make=lambda clips: x,
                                    say=lambda line: None)
  return arrange


def nearest(config, folder, material, devices, progress, *, stage='train'):
  """A loop whose model answers by class means, moved by the setting that is tried."""
  fold_logits = []
  folder.metrics.parent.mkdir(parents=True, exist_ok=True)
  folder.metrics.write_text(f'{stage}: {config["method"]["inner_rate"]}\n')
  for fold, label in zip(material.folds, material.labels):
    x = material.pool.x.reshape(len(label), -1)
    mine = fold.train & ~material.pool.macro
    means = np.stack([x[mine & (label == k)].mean(0) for k in (0, 1)])
    gaps = np.square(x[fold.test][:, None] - means).sum(-1)
    gaps[:, 0] += 1000 * (config['method']['inner_rate'] - .2)
    fold_logits.append(
        FoldLogits(np.flatnonzero(fold.test).tolist(), (-gaps).tolist(), None))
  return fold_logits


def chosen(config, material, place, loop=nearest):
  with open_run(place, config=config, environment={'data_sha256': ''}) as folder:
    fold_logits = selection.run_folds(config, folder, material, (), None, loop=loop)
    return (fold_logits, json.loads(folder.choices.read_text()),
            folder.metrics.read_text(), selection.describe_selection(config, folder, 2))


@pytest.mark.parametrize('seed', [0, 1])
def test_who_judges(arranged, seed):
  """Two of the five training people; neither part has a clip of who is held out."""
  config, material = arranged(seed)
  pool = material.pool
  inner = selection.inner_folds(config, material)
  for fold, part in zip(material.folds, inner):
    theirs = pool.subject == pool.subjects.index(fold.held_out)
    assert theirs.sum() == 6 and not ((part.train | part.test) & theirs).any()
    people = [set(pool.subject[mask]) for mask in (part.train, part.test)]
    assert [len(some) for some in people] == [3, 2] and not set.intersection(*people)
    assert not (part.test & pool.macro).any()
    # All that is left of who judges are their macro clips.
    rest = fold.train & ~part.train & ~part.test
    assert rest.sum() == 4 and pool.macro[rest].all()
  again = selection.inner_folds(config, material)
  assert all(np.array_equal(a.test, b.test) for a, b in zip(inner, again))
  draws = {tuple(part.test) for part in inner}
  assert len(draws) > 2, 'each fold draws for itself'
  other = selection.inner_folds(*arranged(1 - seed))
  assert not all(np.array_equal(a.test, b.test) for a, b in zip(inner, other))


def test_the_first_of_the_best(arranged, tmp_path):
  """Scores by hand: right on all, on none, or the same for two candidates."""
  config, material = arranged()
  right = {'s0': (0, 1, 1), 's1': (1, 1, 0), 's2': (0, 0, 0), 's3': (0, 0, 1),
           's4': (1, 0, 1), 's5': (0, 1, 0)}
  want = {'s0': 1, 's1': 0, 's2': 0, 's3': 2, 's4': 0, 's5': 1}
  ran = []

  def loop(config, folder, material, devices, progress, *, stage='train'):
    k = round(10 * config['method']['inner_rate']) - 1
    ran.append((stage, k, [fold.held_out for fold in material.folds]))
    folder.metrics.parent.mkdir(parents=True, exist_ok=True)
    folder.metrics.write_text(f'{stage}\n')
    fold_logits = []
    for fold in material.folds:
      truth = material.pool.label[fold.test]
      says = truth if right[fold.held_out][k] else 1 - truth
      fold_logits.append(FoldLogits(np.flatnonzero(fold.test).tolist(),
                                    np.eye(2)[says].tolist(), None))
    return fold_logits
  fold_logits, *outcome = chosen(config, material, tmp_path / 'a', loop)
  choices, metrics, described = outcome
  assert {name: one['choice'] for name, one in choices['folds'].items()} == want
  assert {name: tuple(one['scores']) for name, one in choices['folds'].items()} == right
  names = sorted(want)
  assert ran == [('select 1/3', 0, names), ('select 2/3', 1, names),
                 ('select 3/3', 2, names), ('train 1/3', 0, ['s1', 's2', 's4']),
                 ('train 2/3', 1, ['s0', 's5']), ('train 3/3', 2, ['s3'])]
  assert metrics == 'train 1/3\ntrain 2/3\ntrain 3/3\n'
  for fold, part in zip(material.folds, fold_logits):
    assert part.index == np.flatnonzero(fold.test).tolist(), 'in the order of the folds'
  assert described['tried'] == 3
  assert described['chosen'] == {name: f'method.inner_rate=0.{k + 1}'
                                 for name, k in want.items()}
  # A second start chooses nothing anew.
  del ran[:]
  assert list(chosen(config, material, tmp_path / 'a', loop)[1:]) == outcome
  assert [stage.split()[0] for stage, *_ in ran] == ['train'] * 3


@pytest.mark.parametrize('person', [0, 3])
def test_who_is_held_out_is_not_looked_at(arranged, tmp_path, person):
  """With NaN in all their clips: the same judges, the same scores, the same choice."""
  clean = chosen(*arranged(), tmp_path / 'clean')[1]['folds'][f's{person}']
  with np.errstate(invalid='ignore'):
    other = chosen(*arranged(poison=person), tmp_path / 'other')[1]['folds']
  assert other[f's{person}'] == clean
  assert len(set(clean['scores'])) > 1, 'the candidates differ'
  assert any(len(set(fold['scores'])) == 1 for name, fold in other.items()
             if name != f's{person}'), 'the poison works in the folds of others'


def test_wrong_labels_mislead_the_choice_too(arranged, tmp_path):
  config, material = arranged(wrong=.5)
  seen = []

  def loop(config, folder, material, *rest, **options):
    seen.append(material.labels)
    return nearest(config, folder, material, *rest, **options)
  chosen(config, material, tmp_path / 'a', loop)
  for labels in seen[:3]:
    assert np.array_equal(labels, material.labels)


def test_the_inner_runs_do_nothing_else(arranged, tmp_path):
  config, material = arranged()
  config['evaluation'].update(noise='all', oracle_gap=True)
  configs = []

  def loop(config, *rest, **options):
    configs.append(config['evaluation'])
    return nearest(config, *rest, **options)
  chosen(config, material, tmp_path / 'a', loop)
  assert all(one['noise'] == 'none' and not one['oracle_gap'] for one in configs[:3])
  assert all(one['noise'] == 'all' and one['oracle_gap'] for one in configs[3:])


def test_clips_seen_are_those_of_what_was_chosen(arranged, tmp_path):
  """3 and 5 steps of a task of (2 + 2) clips of 2 classes, and nobody's choice else."""
  config, material = arranged(candidates='training.steps=3,5 augment.shift=0')

  def loop(config, folder, material, *rest, **options):
    fold_logits = nearest(config, folder, material, *rest, **options)
    # The people of the first two folds alone are better off with more steps.
    more = config['training']['steps'] == 5
    truth = [material.pool.label[part.index] for part in fold_logits]
    return [part._replace(logits=np.eye(2)[
        label if more == (fold.held_out < 's2') else 1 - label].tolist())
            for part, label, fold in zip(fold_logits, truth, material.folds)]
  *_, described = chosen(config, material, tmp_path / 'a', loop)
  assert described['clips_seen'] == round((2 * 5 + 4 * 3) / 6 * 8)
  assert described['augmentation'] == 'chosen inside each fold'


def test_fixed_settings_are_one_try(arranged, tmp_path):
  config, material = arranged()
  config['select'].update(by='none', candidates='')
  one = FoldLogits([0], [[0., 1.]], None)
  with open_run(tmp_path / 'a', config=config,
                environment={'data_sha256': ''}) as folder:
    assert selection.run_folds(config, folder, material, (), None,
                               loop=lambda *a: [one]) == [one]
    assert selection.describe_selection(config, folder, 2) == {'tried': 1}


def test_a_fold_that_cannot_be_divided(pool_of, arranged):
  config, material = arranged(share=.5)
  config['select']['share'] = 1.
  with pytest.raises(InputError, match='select.by=inner: of the 5 training people of '
                                       'fold s0 5 cannot be kept apart'):
    selection.inner_folds(config, material)
