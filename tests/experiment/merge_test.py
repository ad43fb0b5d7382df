"""Parts of a run, and the run that is made of them: the same bytes, or a refusal."""

import copy
import itertools
import json
import pathlib
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.experiment import finished, merge, run as experiment
from lightman_jax.runs import folder as run_folder, parts, progress
from lightman_jax.runs.parts import Span
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.loop import group_folds
from lightman_jax.training.state import TrainState

NAMES = ('s1', 's2', 's3', 's4', 's5')
STEPS, EVERY = 4, 2
CONFIG = {'seed': 0, 'method': {'name': 'maml'}, 'data': {'data_dir': '/one'}}
ENVIRONMENT = {'code_sha256': 'c0de', 'data_sha256': 'da7a', 'packages': {},
               'devices': {'kind': 'cpu', 'count': 2}, 'noted': {'cpus': 2}}


def states_at(step, group):
  """Of folds, each with numbers of its own."""
  x = np.array([100. * NAMES.index(name) + step for name in group], np.float32)
  return TrainState(jnp.full(len(group), step, jnp.int32),
                    {'w': jnp.asarray(x)[:, None]}, ({'mu': jnp.asarray(-x)},))


def trained(path, span, together=2, config=CONFIG, environment=ENVIRONMENT):
  """The folder of a part, or of a whole run that has no results yet."""
  span = span and Span(*span)
  with parts.open_run(path, config=config, span=span) as folder:
    folder.check(environment)
    mine = [NAMES[number] for number in parts.numbers_of(span, len(NAMES))]
    with Checkpoints(folder.checkpoints) as checkpoints:
      for group in experiment._groups(dict.fromkeys(mine, 0), NAMES, together, span):
        for step in range(EVERY, STEPS + 1, EVERY):
          progress.append(folder.metrics, [
              {'stage': 'train', 'fold': name, 'step': step - EVERY + 1 + n,
               'loss': NAMES.index(name) / (step + n)}
              for n in range(EVERY) for name in group])
          checkpoints.save(group, states_at(step, group))
        for name in group:
          run_folder.write_json(folder.folds / f'{name}.json', {'index': [len(name)]})
    if span and span.first == 0:
      folder.embeddings.write_bytes(b'of the first fold')
    if span:
      parts.seal(folder, span, NAMES, ['launch.py', '--config=x'])
  return path


def content(path):
  """All files whose bytes are the run's and not those of a moment."""
  moments = ('lightman_jax.lock', 'part.json', 'embeddings.npz',
             '_CHECKPOINT_METADATA', 'commit_success.txt')   # Orbax's two, with a time
  return {place.relative_to(path).as_posix(): place.read_bytes()
          for place in sorted(path.rglob('*'))
          if place.is_file() and place.name not in moments}


@pytest.mark.parametrize('cuts, together', [
    ((0, 1, 5), 2), ((0, 2, 4, 5), 2), ((0, 4, 5), 1), ((0, 3, 5), 8)])
def test_parts_become_the_folder_of_one_run(tmp_path, cuts, together):
  whole = trained(tmp_path / 'whole', None, together)
  folders = [trained(tmp_path / f'part{n}', span, together)
             for n, span in enumerate(itertools.pairwise(cuts))]
  ready = parts.check_parts([parts.read_part(path) for path in reversed(folders)])
  with run_folder.open_run(tmp_path / 'merged', config=ready[0].config) as folder:
    merge._take_over(ready, folder, together)
  expected, merged = content(whole), content(tmp_path / 'merged')
  assert merged.keys() == expected.keys()
  assert {name for name in merged if merged[name] != expected[name]} == set()
  assert (tmp_path / 'merged/embeddings.npz').read_bytes() == b'of the first fold'


def test_no_folder_of_a_run_is_left_behind(tmp_path):
  """Of `selection` there is none: a part has no choice to make."""
  with parts.open_run(tmp_path / 'run', config=CONFIG) as folder:
    folders = {place.name for place in vars(folder).values()
               if isinstance(place, pathlib.Path) and not place.suffix
               and place != folder.path}
  assert folders - {'selection'} == set(parts.FOLDERS)


def test_a_whole_run_is_grouped_as_before():
  reached = {'s1': 0, 's2': 4, 's3': 0}
  assert list(experiment._groups(reached, NAMES, 2, None)) == group_folds(reached, 2)
  # A part begins in the middle of a group of two.
  assert list(experiment._groups(dict.fromkeys(NAMES[1:4], 0), NAMES, 2, Span(1, 4))
              ) == [('s2',), ('s3', 's4')]


@pytest.mark.parametrize('text', ['', '3', '3:3', '5:2', '-1:2', 'a:b', '0:8:2'])
def test_what_is_no_range_of_folds_is_refused(text):
  with pytest.raises(InputError, match='START:END'):
    parts.read_span(text)


def test_a_range_lies_within_the_folds():
  assert parts.numbers_of(parts.read_span('3:5'), 5) == range(3, 5)
  assert parts.numbers_of(None, 5) == range(5)
  with pytest.raises(InputError, match='this run has 5 folds'):
    parts.numbers_of(Span(4, 6), 5)


def test_a_folder_trains_the_folds_that_it_began_with(tmp_path):
  part, whole = trained(tmp_path / 'part', (0, 2)), trained(tmp_path / 'whole', None)
  parts.open_run(part, config=CONFIG, span=Span(0, 2)).close()
  for span in (Span(0, 3), None):
    with pytest.raises(InputError, match='trains the folds 0:2 alone'):
      parts.open_run(part, config=CONFIG, span=span)
  with pytest.raises(InputError, match='trains all folds'):
    parts.open_run(whole, config=CONFIG, span=Span(0, 2))
  # Begun anew, it may train others.
  for span in (Span(1, 3), None):
    with parts.open_run(part, config=CONFIG, span=span, fresh=True) as folder:
      assert not parts.is_sealed(folder)
    assert (part / 'part.json').exists() == (span is not None)
  with pytest.raises(InputError, match='trains all folds'):
    trained(part, None)
    parts.open_run(part, config=CONFIG, span=Span(1, 3))


def test_a_part_that_is_refused_at_its_start_leaves_nothing(tmp_path):
  with pytest.raises(InputError), parts.open_run(
      tmp_path / 'new', config=CONFIG, span=Span(0, 9)):
    parts.numbers_of(Span(0, 9), 5)
  assert not (tmp_path / 'new').exists()


@pytest.fixture(scope='module')
def three(tmp_path_factory):
  """Three parts; tests work on copies."""
  place = tmp_path_factory.mktemp('parts')
  for n, span in enumerate(((0, 2), (2, 4), (4, 5))):
    trained(place / f'{n}', span)
  return place


def refusal(paths):
  with pytest.raises(InputError) as refused:
    parts.check_parts([parts.read_part(path) for path in paths])
  return str(refused.value)


def test_overlapping_and_missing_parts_are_refused(three, tmp_path):
  again = trained(tmp_path / 'again', (1, 3))
  assert 'fold 1 is in' in refusal([three / '0', again, three / '1', three / '2'])
  assert 'fold 4 is in' in refusal([three / '0', three / '1', three / '2', three / '2'])
  assert 'the folds 2:4 of 5 are in none' in refusal([three / '0', three / '2'])
  assert '--folds=4:5' in refusal([three / '0', three / '1'])
  assert '--folds=0:2' in refusal([three / '1', three / '2'])


@pytest.mark.parametrize('fresh', [False, True])
def test_a_part_is_never_the_folder_of_the_run(three, tmp_path, fresh):
  """With --fresh it would be deleted before it is read."""
  (tmp_path / 'link').symlink_to(three / '1')
  before = sorted(path for path in three.rglob('*'))
  for out in (three / '1', tmp_path / 'link', three):
    with pytest.raises(InputError, match='the part .* would go before it is read'):
      merge.merge_parts([three / str(n) for n in range(3)], out, fresh=fresh)
  assert sorted(path for path in three.rglob('*')) == before


@pytest.mark.parametrize('changes, words', [
    ({'config': {**CONFIG, 'method': {'name': 'anil'}}}, 'method.name: "maml" ->'),
    ({'environment': {**ENVIRONMENT, 'code_sha256': 'c0ffee'}}, 'code_sha256'),
    ({'environment': {**ENVIRONMENT, 'data_sha256': 'other'}}, 'data_sha256')])
def test_parts_that_are_not_of_one_run_are_refused(three, tmp_path, changes, words):
  other = trained(tmp_path / 'other', (2, 4), **changes)
  assert words in refusal([three / '0', other, three / '2'])


def test_where_a_part_lay_and_on_how_many_devices_may_differ(three, tmp_path):
  other = trained(
      tmp_path / 'other', (2, 4), config={**CONFIG, 'data': {'data_dir': '/two'}},
      environment={**ENVIRONMENT, 'devices': {'kind': 'cpu', 'count': 64}})
  ready = parts.check_parts([parts.read_part(path) for path in (
      three / '0', other, three / '2')])
  environment = merge._environment(ready)
  assert environment['devices']['count'] == 2
  assert [one['devices']['count'] for one in environment['resumed_with']] == [64]
  assert 'resumed_with' not in merge._environment(ready[::2])


def edited(path: pathlib.Path):
  (path / 'folds/s3.json').write_text('{"index": [1]}')


def without_a_checkpoint(path: pathlib.Path):
  shutil.rmtree(path / 'checkpoints')


def named_otherwise(path: pathlib.Path):
  about = json.loads((path / 'part.json').read_text())
  about['files']['../escape'] = '0'
  (path / 'part.json').write_text(json.dumps(about))


def cut_short(path: pathlib.Path):
  about = json.loads((path / 'part.json').read_text())
  del about['files']['folds/s4.json']
  (path / 'part.json').write_text(json.dumps(about))


def not_finished(path: pathlib.Path):
  (path / 'part.json').write_text('{"folds": "2:4"}')


def no_part(path: pathlib.Path):
  (path / 'part.json').unlink()


@pytest.mark.parametrize('change, words', [
    (edited, 's3.json is not what the part wrote'),
    (without_a_checkpoint, 'is not what the part wrote'),
    (named_otherwise, 'it names ../escape'), (cut_short, 'it names no folds/s4.json'),
    (not_finished, 'is not finished'), (no_part, 'is no part of a run')])
def test_a_part_is_what_was_written(three, tmp_path, change, words):
  shutil.copytree(three / '1', tmp_path / '1')
  change(tmp_path / '1')
  assert words in refusal([tmp_path / '1'])


def test_refusals_of_the_command_are_sentences(three, tmp_path, capsys):
  assert merge.merge([str(three / '0'), f'--out={tmp_path / "new"}']) == 2
  assert capsys.readouterr().err.startswith('merge: the folds 2:5 of 5 are in none')
  assert not (tmp_path / 'new').exists()


def test_a_part_is_not_opened_as_a_run(three):
  with pytest.raises(InputError, match='lightman_jax merge'):
    finished.open_run(three / '0')


def test_the_command_that_a_merged_run_states():
  train = ['-m', 'lightman_jax', 'train', '--config=x']
  assert merge._words(train) == ['train', '--config=x']
  assert merge._words(['launch.py', '--config=x']) == ['launch.py', '--config=x']
  assert merge._words(None) == ['merge']


def test_states_of_two_steps_are_no_checkpoint(tmp_path):
  one = {'step': np.int32(1), 'w': np.zeros(2)}
  other = copy.deepcopy(one) | {'step': np.int32(2)}
  with Checkpoints(tmp_path) as checkpoints:
    with pytest.raises(InputError, match='do not belong together'):
      checkpoints.add(['a', 'b'], [one, other])
