"""What is refused once the clips are there, and what is shown on the way to them."""

import io
import json

import jax
import numpy as np
import pytest
from rich.console import Console

from configs import synthetic
from lightman_jax import sections
from lightman_jax.configurations import named
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly, findings, pretraining
from lightman_jax.runs.folder import open_run
from lightman_jax.runs.progress import Progress
from lightman_jax.tasks.folds import leave_one_subject_out


def clips_of(pool, label, name='made-up', **fields):
  n = len(label)
  return ClipSet(
      np.zeros((n, 3, 8, 8, 3), np.uint8), np.full((n, 3, 68, 2), np.nan, np.float32),
      label, pool.macro, tuple(pool.subjects[s] for s in pool.subject), pool.clips,
      ('',) * n, pool.classes, {'sha256': '', 'dataset': name})._replace(**fields)


def arrange(pool, label, method):
  clips = clips_of(pool, label)
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  config['method'].update(method)
  return assembly.arrange(config, clips, make=lambda clips: pool.x,
                          say=lambda line: None)


def test_the_splits_of_a_fold_are_drawn_as_ever():
  # Changing these changes every result ever published with a seed.
  draws = assembly.splits_generator(0, 'sub01').integers(1 << 32, size=2)
  assert draws.tolist() == [4294338012, 4130696415]


@pytest.mark.parametrize('method, projects', [
    ('protonet', True), ('matchingnet', True), ('maml', False), ('lightman', False)])
def test_what_compares_embeddings_projects_them(method, projects):
  settings = named.settings_by_name('synthetic:debug', method=method)
  params = lambda: jax.eval_shape(lambda: assembly.make_net(settings, ['a', 'b']).init(
      jax.random.key(0), (2, 16, 16, 3)))
  assert ('projection' in params()) == projects
  if projects:      # as settings from before had none
    del settings['method']['projection']
    assert 'projection' not in params()


def test_alignment_by_class_needs_macro_clips_of_every_class(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=1, classes=3, shape=(1, 2, 2, 2))
  some = np.where(pool.macro & (pool.label == 1), -1, pool.label)
  by_class = {'alignment': 'per_class'}
  arrange(pool, pool.label, by_class)
  arrange(pool, some, {})
  with pytest.raises(InputError, match='no macro clip is of class b'):
    arrange(pool, some, by_class)


def test_macro_clips_of_no_class_are_not_drawn_where_their_labels_count(pool_of):
  """But for alignment, which takes any; where a fold has none with a class it stops."""
  pool = pool_of(subjects=4, micro=2, macro=2, classes=2, shape=(1, 2, 2, 2))
  known = np.arange(len(pool.label)) % 2 == 0
  label = np.where(pool.macro & ~known, -1, pool.label)
  unknown = pool.macro & (label < 0)
  assert unknown.any() and (pool.macro & ~unknown).any()

  def masks(method, weight, label=label):
    config = synthetic.get_config().to_dict()
    config['episodes'].update(shots=1, queries=1)
    config['method'] = sections.choose('method', method)
    config['macro']['label_weight'] = weight
    made = assembly.arrange(config, clips_of(pool, label), make=lambda clips: pool.x,
                            say=lambda line: None)
    return np.stack([fold.train for fold in made.folds]), made, config
  aligned, _, _ = masks('lightman', .3)
  assert aligned[:, unknown].any()
  alone, made, config = masks('supervised', .3)
  assert not alone[:, unknown].any()
  np.testing.assert_array_equal(alone[:, ~unknown], aligned[:, ~unknown])
  assert assembly.make_sizes(config, made.pool).macros == config['macro']['clips']
  _, made, config = masks('supervised', 0.)
  assert not made.pool.macro.any() and not assembly.make_sizes(config, made.pool).macros
  # Of s0 alone a macro clip has a class.
  label = np.where(pool.macro & (pool.subject > 0), -1, pool.label)
  with pytest.raises(InputError, match='fold s0 has no macro clip of a class of a, b'):
    masks('supervised', .3, label)


def test_some_of_the_training_people(pool_of):
  """Theirs alone of micro clips and own macro clips, and all of foreign ones."""
  pool = pool_of(subjects=7, micro=2, macro=1, classes=2, foreign=2, shape=(1, 2, 2, 2))
  # Two people lack a class: not any three can fill a task.
  pool = pool_without(pool, (pool.subject < 2) & (pool.label == 0) & ~pool.macro)
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  folds = leave_one_subject_out(pool)

  def people(fold, count=3, draw=0, seed=0):
    config['episodes'].update(training_people=count, people_draw=draw)
    part = assembly.fewer_people({**config, 'seed': seed}, pool, fold)
    assert not (part.train & ~fold.train).any()
    np.testing.assert_array_equal(part.test, fold.test)
    mine = set(pool.subject[part.train & ~pool.macro].tolist())
    np.testing.assert_array_equal(
        part.train, fold.train & (np.isin(pool.subject, list(mine)) | pool.foreign))
    return mine
  draws = [people(fold, draw=draw) for fold in folds for draw in range(4)]
  assert {len(some) for some in draws} == {3} and len({*map(tuple, draws)}) > 8
  for some in draws:
    for k in range(2):
      assert len(set(pool.subject[(pool.label == k) & ~pool.macro]) & some) >= 2
  assert people(folds[0]) == people(folds[0])
  assert any(people(fold, seed=1) != people(fold) for fold in folds)
  assert assembly.fewer_people(
      {**config, 'episodes': {**config['episodes'], 'training_people': 0}}, pool,
      folds[0]) is folds[0]
  with pytest.raises(InputError, match='is 7 and fold s0 has 6 training people'):
    people(folds[0], 7)
  with pytest.raises(InputError, match='of 256 draws .* none can fill a task'):
    people(folds[0], 1)


def test_linear_models_take_macro_clips_of_training_people_as_rows(pool_of, tmp_path):
  """With NaN in the macro clips of who is held out: the same; and who was seen."""
  pool = pool_of(subjects=4, micro=2, macro=2, classes=2, shape=(1, 4, 4, 3), signal=3.)

  def rows(weight, spoilt=False):
    config = synthetic.get_config().to_dict()
    config['episodes'].update(shots=1, queries=1)
    config['macro']['label_weight'] = weight
    theirs = (pool.subject == 0) & pool.macro & spoilt
    x = np.where(theirs[:, None, None, None, None], np.nan, pool.x).astype(np.float32)
    material = assembly.arrange(config, clips_of(pool, pool.label),
                                make=lambda clips: x, say=lambda line: None)
    # Of the first fold alone, for in others these clips are trained on.
    material = material._replace(folds=material.folds[:1], labels=material.labels[:1])
    with open_run(tmp_path / f'{weight}{spoilt}', config=config,
                  environment={'data_sha256': ''}) as folder:
      pretraining.write_people(config, material, folder)
      seen = json.loads((folder.path / pretraining.SEEN).read_text())
    assert seen == {'s0': [['made-up', 's1'], ['made-up', 's2'], ['made-up', 's3']]}
    made, _ = findings._references(config, material)
    return {name: answers.scores[material.folds[0].test]
            for name, answers in made.items()}
  plain, labelled = rows(0.), rows(.5)
  assert set(labelled) - set(plain) == {'ridge with macro clips',
                                        'svm with macro clips'}
  assert 'macro_only' in plain
  for name, scores in plain.items():
    np.testing.assert_array_equal(labelled[name], scores)
  for name in ('ridge', 'svm'):
    assert not np.allclose(labelled[f'{name} with macro clips'], labelled[name])
  for name, scores in rows(.5, spoilt=True).items():
    np.testing.assert_array_equal(scores, labelled[name])


def test_each_data_set_that_is_read_is_a_stage():
  """Two of one name were one bar, and its count went past its end."""
  out = io.StringIO()
  with Progress(console=Console(file=out)) as progress:
    shown = assembly.Stages(progress)
    for stage, total in (('load', 4), ('load', 4), ('load', 6), ('input', 6)):
      for done in range(total + 1):
        shown(stage, done, total)
  ends = [line.split(',')[0] for line in out.getvalue().splitlines() if 'took' in line]
  assert ends == ['load: 4/4', 'load: 4/4', 'load: 6/6', 'input: 6/6']


def test_a_stage_says_which_data_set_is_read(tmp_path):
  """Two data sets, each with the inputs made of it."""
  out = io.StringIO()
  config = synthetic.get_config('debug').to_dict()
  few = {'subjects': 3, 'micro': 3, 'macro': 3}
  config['data'] |= {'frames': 3, 'size': 16, 'data_dir': str(tmp_path / 'built'),
                     'synthetic': config['data']['synthetic'] | few}
  config['inputs']['size'] = 8
  row = {'name': 'manifest', 'path': '/of/one.csv'}
  with Progress(console=Console(file=out)) as progress:
    assembly.prepare(config, progress)
    assembly.Stages(progress).of(row)('load', 1, 1)
  lines = [line for line in out.getvalue().splitlines() if 'took' in line]
  stages = {line.split(':')[0] for line in lines}
  assert stages == {'synthetic clips', 'synthetic write', 'synthetic check',
                    'synthetic inputs', 'one.csv load'}


def beside(pool, source, data=None, **fields):
  """Material of made-up clips of a manifest beside macro clips of another data set."""
  data = data or {}
  mine = clips_of(pool, pool.label, 'manifest', macro=np.zeros(len(pool.label), bool),
                  content=tuple(map(str, range(len(pool.label)))))
  other = clips_of(pool, pool.label, source, macro=np.ones(len(pool.label), bool),
                   **fields)
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  config['macro']['source'] = source
  config['data'].update(name='manifest', path='m.csv', **data)
  return assembly.arrange(config, mine, other, make=lambda clips: pool.x,
                          say=lambda line: None)


def test_who_is_in_both_and_what_is_not_known_is_kept_for_the_results(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=0, shape=(1, 2, 2, 2))
  material = beside(pool, 'samm_long',
                    subject=tuple(f'{s:03d}' for s in pool.subject + 2))
  known, not_known = material.people['known'], material.people['not_known']
  assert '2 people are in the data and in the macro-expressions' in known[1]
  assert len(not_known) == 2 and all('is not known' in line for line in not_known)
  assert 'as_set' not in material.people


def test_the_same_frames_as_macro_expressions_of_someone_else_are_refused(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=0, shape=(1, 2, 2, 2))
  fields = {'subject': tuple(f'x{s}' for s in pool.subject),
            'content': ('0', *('',) * (len(pool.label) - 1))}
  with pytest.raises(InputError, match="'clip000' of 's0' and 'casme_squared:clip000' "
                                       "of 'casme_squared:x0' have the frames"):
    beside(pool, 'casme_squared', **fields)
  material = beside(pool, 'casme_squared', {'repeated_clips': 'all'}, **fields)
  assert 'data.repeated_clips' in material.people['as_set'][0]


def test_a_fold_without_macro_clips_of_its_people_takes_those_of_others(pool_of):
  """It was refused where a single person was in both data sets and was held out."""
  pool = pool_of(subjects=4, micro=2, macro=1, foreign=2, shape=(1, 2, 2, 2))
  pool = pool_without(pool, pool.macro & ~pool.foreign & (pool.subject > 0))
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  folds = leave_one_subject_out(pool)
  plan = lambda pool, folds: assembly.plan(config, pool, folds, (pool.label,) * 4,
                                           print)
  held_out, *others = plan(pool, folds)
  assert pool.subjects[0] == folds[0].held_out and len(held_out)
  # Of the others one has macro clips, so a support has them.
  assert all(splits[:, 0].all() for splits in others)
  pool = pool_without(pool, pool.foreign)
  with pytest.raises(InputError, match='a macro-expression in the support'):
    plan(pool, leave_one_subject_out(pool))


def pool_without(pool, gone):
  rows = {name: getattr(pool, name)[~gone]
          for name in ('x', 'label', 'subject', 'macro', 'foreign')}
  return pool._replace(clips=tuple(np.array(pool.clips)[~gone].tolist()), **rows)
