"""What is refused of a run before anything is built, and before anything is deleted."""

import json

from PIL import Image
import pytest

from lightman_jax.configurations.named import settings_by_name
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly, finished, preconditions
from lightman_jax.runs import folder as run_folder


@pytest.fixture
def run(tmp_path):
  """A folder that looks finished."""
  with run_folder.open_run(tmp_path / 'run', config=debug()) as folder:
    for name in ('results.json', 'environment.json'):
      (folder.path / name).write_text('{}')
  return folder.path


def debug(**changes):
  return settings_by_name('synthetic:debug', **changes)


def content(place):
  return {path: path.read_bytes() for path in place.rglob('*')
          if path.is_file() and path.name != run_folder.NAME}


@pytest.mark.parametrize('changes, words', [
    ({'pretrain.source': 'nowhere'}, 'pretrain.source=nowhere must be'),
    ({'pretrain.source': 'itself'}, 'is the folder of this run itself'),
    ({'training.devices': 99}, 'training.devices'),
    ({'data.frames': 1}, 'frame'),
    ({'data.synthetic.subjects': 1}, 'subject|people|person'),
    ({'episodes.training_people': 1}, 'episodes.training_people'),
    ({'evaluation.scores': 'lightman_jax.nowhere:f'}, 'score=.*nowhere')])
def test_fresh_deletes_nothing_where_it_is_refused(run, changes, words):
  if changes.get('pretrain.source') == 'itself':
    changes = {'pretrain.source': str(run)}
  before = content(run)
  with pytest.raises(InputError, match=words):
    finished.run(debug(**changes), run, fresh=True)
  assert content(run) == before


@pytest.mark.parametrize('source, words', [
    ('Synthetic', "the nearest is 'synthetic'"), ('macros', "the nearest is 'macro'"),
    ('', 'it is empty'), ('  ', 'it is empty'), ('runs/nowhere', 'is no run folder'),
    ('UNFINISHED', 'has no results yet')])
def test_a_source_of_weights_is_looked_for_first(
    run, monkeypatch, tmp_path, source, words):
  """Not after clips were built: an empty word is no folder, a misspelt one is near."""
  if source == 'UNFINISHED':
    (run / 'results.json').unlink()
    source = str(run)
  def never(*_, **__):
    raise AssertionError('a data set was built')
  monkeypatch.setattr(assembly, 'load', never)
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'config.json').write_text(json.dumps({}))
  (tmp_path / 'results.json').write_text(json.dumps({}))
  with pytest.raises(InputError, match=words) as refused:
    preconditions.check(debug(), debug(**{'pretrain.source': source}))
  assert str(refused.value).startswith(f'pretrain.source={source} must be')
  with pytest.raises(InputError, match=words):
    finished.run(debug(**{'pretrain.source': source}), tmp_path / 'new')
  assert not (tmp_path / 'new').exists()


def test_a_label_of_too_few_people_is_told_of_before_clips_are_read(tmp_path):
  """Most often it is a misspelling."""
  rows = ['clip,subject,label,path', *(
      f'{label}{n},{who},{label},{label}{n}.png' for n, who in enumerate('abcd')
      for label in ('surprise', 'other'))]
  table = tmp_path / 'clips.csv'
  for n, label in enumerate(('surprise', 'other') * 4):
    Image.new('RGB', (28, 28), (n, 40, 90)).save(tmp_path / f'{label}{n // 2}.png')
  check = lambda: preconditions.check(settings_by_name(
      'manifest:quick', macro='none', **{'data.path': str(table)}))
  table.write_text('\n'.join(rows) + '\n')
  check()
  table.write_text('\n'.join(rows).replace(',a,surprise,', ',a,suprise,') + '\n')
  with pytest.raises(InputError, match="'suprise' is of 1 person.*is 'surprise' m"):
    check()
