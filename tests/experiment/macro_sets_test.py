"""Labelled macro-expressions of every posed set, through every method, as a run."""

import numpy as np
import pytest

from lightman_jax.configurations.named import settings_by_name
from lightman_jax.experiment import finished
from lightman_jax.registry import METHODS
from lightman_jax.synthetic.replicas.write import write_replica

SETS = ('ck_plus', 'oulu_casia', 'mug', 'jaffe', 'kdef', 'rafd', 'yale', 'mmew_macro')
STILLS = ('jaffe', 'kdef', 'rafd', 'yale', 'mmew_macro')
# Each method and each set at least once.
PAIRS = [(method, SETS[number % len(SETS)]) for number, method in enumerate(METHODS)]


def test_no_method_and_no_set_is_left_out():
  assert {name for _, name in PAIRS} == set(SETS)


@pytest.fixture(scope='module')
def replica(tmp_path_factory):
  """Where the small replica of a posed set lies; each is made once."""
  made = {}

  def of(name):
    if name not in made:
      made[name] = tmp_path_factory.mktemp(name) / 'replica'
      write_replica(name, made[name], per_class=2, size=(84, 64),
                    frames=0 if name in STILLS else 3)
    return made[name]
  return of


@pytest.mark.slow
@pytest.mark.parametrize('method, name', PAIRS)
def test_a_run_learns_from_them(method, name, replica, tmp_path):
  """Their classes are in the loss, and nobody of them is predicted."""
  run = finished.run(settings_by_name(
      'synthetic:debug', method=method, encoder='mlp', **{
          'data.size': 16, 'data.frames': 3, 'data.synthetic.subjects': 3,
          'training.steps': 2, 'macro.source': name, 'macro.map': 'valence',
          'macro.label_weight': .3,
          'macro.data.frames': 3, 'macro.data.size': 16,
          'data.manual_dir': str(replica(name)),
          'data.data_dir': str(tmp_path / 'built')}), tmp_path / 'run')
  about, rows = run.results['about'], run.results['rows']
  assert 'labelled (weight 0.3' in about['macro']
  assert about['macro_clips_seen'] >= 6          # a task of a step has so many
  assert {'macro_only', 'svm with macro clips'} <= set(rows)
  assert np.isfinite(rows[method]['uf1']['value'])
  assert set(run.predictions['subject']) == {'sub01', 'sub02', 'sub03'}
