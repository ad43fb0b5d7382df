"""Results of several data sets come out of their predictions again, bit for bit."""

import json

import numpy as np

from lightman_jax.experiment.rescoring import rescore
from lightman_jax.files import fold_path
from lightman_jax.runs import results


def write_folds(folder, subjects, logits):
  """What each fold has kept, where everybody is a fold."""
  (folder / 'folds').mkdir()
  for name in sorted(set(subjects)):
    fold_path(folder / 'folds', name, '.json').write_text(json.dumps(
        {'logits': logits[np.array(subjects) == name].tolist()}))


def test_scores_by_data_set_are_scored_again(tmp_path):
  rng = np.random.default_rng(0)
  truth = rng.integers(0, 3, 48)
  subject = [f'{"smic" if n < 24 else "samm"}/s{n // 6}' for n in range(48)]
  answer = np.where(rng.random(48) < .6, truth, 0)
  clips = results.Clips([f'c{n}' for n in range(48)], subject, subject, truth,
                        ('a', 'b', 'c'), [name.split('/')[0] for name in subject])
  about = results.About('leave one subject out', 'both', 'x', '', '', '', 3,
                        models={'maml': 8, 'maml, one draw': 1, 'ridge': 1})
  rows = {'maml': answer, 'maml, one draw': np.zeros(48, int), 'ridge': truth}
  content = results.summarise(rows, clips, about, resamples=200)
  assert list(content['data_sets']) == ['samm', 'smic']
  results.write_results(tmp_path / 'results.json', content)
  results.write_predictions(tmp_path / 'predictions.csv', clips, answer,
                            np.eye(3)[answer])
  write_folds(tmp_path, subject, 1e3 * np.eye(3)[answer])
  assert all(said.agrees for said in rescore(tmp_path, 200))
  changed = json.loads((tmp_path / 'results.json').read_text())
  changed['data_sets']['smic']['rows']['maml']['uf1']['value'] += .1
  results.write_results(tmp_path / 'results.json', changed)
  wrong = [said.sentence for said in rescore(tmp_path, 200) if not said.agrees]
  assert len(wrong) == 1 and 'data_sets.smic.rows.maml.uf1.value' in wrong[0]


def test_scores_of_units_are_scored_again(tmp_path):
  rng = np.random.default_rng(1)
  truth = rng.random((40, 2)) < .4
  said = truth ^ (rng.random(truth.shape) < .3)
  subject = [f'{"smic" if n < 20 else "samm"}/s{n // 5}' for n in range(40)]
  clips = results.Clips([f'c{n}' for n in range(40)], subject, subject, truth,
                        ('AU1', 'AU4'), [name.split('/')[0] for name in subject])
  about = results.About('leave one subject out', 'both', 'x', '', '', '', 3)
  rows = {'maml': said, 'svm': truth, 'constant': np.ones_like(truth)}
  content = results.summarise(rows, clips, about, resamples=200)
  results.write_results(tmp_path / 'results.json', content)
  results.write_unit_predictions(tmp_path / 'predictions.csv', clips, said,
                                 np.where(said, .9, .1))
  logits = np.where(said, 1, -1) * np.log(9.)
  write_folds(tmp_path, subject, logits)
  checks = rescore(tmp_path, 200)
  assert len(checks) == 3 and all(said.agrees for said in checks)
  text = (tmp_path / 'predictions.csv').read_text()
  (tmp_path / 'predictions.csv').write_text(text.replace('0.900000', '0.400000', 1))
  wrong = [one.sentence for one in rescore(tmp_path, 200) if not one.agrees]
  assert 'the answers of 1 clip ' in wrong[0]
