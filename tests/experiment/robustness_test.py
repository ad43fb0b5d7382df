"""Robustness: the same models, clips with noise, and a row for every level."""

import json

import numpy as np
import pytest

from configs import synthetic
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly, robustness
from lightman_jax.experiment.findings import FoldLogits
from lightman_jax.inputs import augmentation, inputs
from lightman_jax.runs import results
from lightman_jax.runs.folder import open_run

ABOUT = results.About('p', 'd', 'c', '', '', '', 0)


@pytest.fixture(scope='module')
def arranged(pool_of):
  """Three people's clips of five random frames; inputs are those frames."""
  pool = pool_of(subjects=3, micro=2, macro=1, classes=2, shape=(1, 2, 2, 2))
  n = len(pool.label)
  rng = np.random.default_rng(0)
  clips = ClipSet(
      rng.integers(100, 150, (n, 5, 24, 24, 3)).astype(np.uint8),
      np.full((n, 5, 68, 2), np.nan, np.float32), pool.label, pool.macro,
      tuple(pool.subjects[s] for s in pool.subject), pool.clips, ('',) * n,
      pool.classes, {'sha256': '', 'dataset': 'made-up'})
  config = synthetic.get_config().to_dict()
  config['inputs'].update(kind='frames', size=0)
  config['evaluation'].update(resamples=100)
  config['episodes'].update(shots=1, queries=1)
  how = inputs.Settings(**config['inputs'])
  material = assembly.arrange(
      config, clips, make=lambda clips: inputs.make_inputs(clips, how),
      say=lambda line: None)

  def with_noise(noise):
    return {**config, 'evaluation': {**config['evaluation'], 'noise': noise}}
  return with_noise, material


def model(material, number):
  """Knows a person's clips by heart: right where the input is exactly what it was."""
  fold = material.folds[number]
  index = np.flatnonzero(fold.test)
  known = np.asarray(material.pool.x)[index]

  def predict(x=None, copies=1):
    x = known if x is None else x
    assert len(x) <= copies * len(index) and len(x) % len(index) == 0
    truth = np.tile(material.pool.label[index], len(x) // len(index))
    same = (x == np.tile(known, (len(x) // len(index), 1, 1, 1, 1))).all((1, 2, 3, 4))
    logits = np.eye(2)[np.where(same, truth, 1 - truth)]
    return FoldLogits(index.tolist(), logits.tolist(), None)
  return predict


def levels_by_kind(config, material, place):
  with open_run(place, config=config, environment={'data_sha256': ''}) as folder:
    for number in range(len(material.folds)):
      robustness.write_fold(config, folder, material, number, model(material, number))
    order = np.concatenate([np.flatnonzero(fold.test) for fold in material.folds])
    pool = material.pool
    clips = results.Clips(
        [pool.clips[n] for n in order], [pool.subjects[pool.subject[n]] for n in order],
        [pool.subjects[pool.subject[n]] for n in order], pool.label[order],
        pool.classes)
    clean = np.concatenate([np.argmax(model(material, n)().logits, -1)
                            for n in range(len(material.folds))])
    main = results.summarise({'m': clean}, clips, ABOUT, resamples=100)['rows']['m']
    return (robustness.noise_rows(config, folder, material, clips, ABOUT, clean), main,
            folder)


def test_every_kind_and_level(arranged, tmp_path):
  """None is the main row; every noise spoils what is known by heart."""
  with_noise, material = arranged
  said = []
  config = with_noise('all')
  kinds = robustness.noise_kinds(config, material, said.append)
  assert len(said) == 1 and 'jitter mean nothing for inputs.kind=frames' in said[0]
  rows, main, folder = levels_by_kind(config, material, tmp_path / 'a')
  assert tuple(rows) == kinds == tuple(n for n in augmentation.KINDS if n != 'jitter')
  for name, levels in rows.items():
    assert [one['level'] for one in levels] == list(augmentation.noise_levels(name, 5))
    for one in levels:
      assert one['unit'] == augmentation.KINDS[name].unit
      if one['level'] == 0:
        assert one['row'] == main and main['accuracy']['value'] == 1
      else:
        assert one['row']['accuracy']['value'] == 0, (name, one['level'])
  assert json.loads(json.dumps(rows)) == rows
  assert len(list(folder.robustness.iterdir())) == 3


def test_the_same_again(arranged, tmp_path):
  with_noise, material = arranged
  _, _, one = levels_by_kind(with_noise('gaussian,dropped'), material, tmp_path / 'a')
  _, _, two = levels_by_kind(with_noise('gaussian,dropped'), material, tmp_path / 'b')
  for path in one.robustness.iterdir():
    assert path.read_bytes() == (two.robustness / path.name).read_bytes()


def test_clips_before_noise_make_the_pools_inputs(arranged):
  """What noise is put on is what the pool was made of, clip by clip."""
  with_noise, material = arranged
  how = inputs.Settings(**with_noise('none')['inputs'])
  for number, fold in enumerate(material.folds):
    np.testing.assert_array_equal(
        inputs.make_inputs(robustness.held_out_clips(material, number), how),
        np.asarray(material.pool.x)[fold.test])


def test_none_is_asked_for(arranged, tmp_path):
  with_noise, material = arranged
  rows, _, folder = levels_by_kind(with_noise('none'), material, tmp_path / 'a')
  assert rows == {} and not folder.robustness.exists()


def test_refused_by_name(arranged):
  with_noise, material = arranged
  with pytest.raises(InputError, match='evaluation.noise=jitter means nothing'):
    robustness.noise_kinds(with_noise('blur,jitter'), material)
