"""A run folder that somebody prepared: nothing outside of it is written or deleted."""

import pytest

from lightman_jax.errors import InputError
from lightman_jax.report.page import texts
from lightman_jax.runs import folder as lock, folder as run_folder

CONFIG = {'seed': 0}


@pytest.fixture
def outside(tmp_path):
  """Files of somebody else, with names as a run gives them."""
  place = tmp_path / 'outside'
  for name in ('7/state', '.a.json.1', 'a.json', 'results.json', 'b/.c.json.2'):
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_text('mine')
  return place


def content(place):
  return {path.relative_to(place).as_posix(): path.read_text()
          for path in place.rglob('*') if path.is_file()}


def made(tmp_path):
  with run_folder.open_run(tmp_path / 'run', config=CONFIG) as folder:
    return folder.path


LINKS = ('folds', 'checkpoints', 'selection', 'few_shot', 'metrics.jsonl',
         'environment.json', 'results.json', 'tensorboard')


@pytest.mark.parametrize('name', LINKS)
def test_a_link_out_of_the_folder_is_refused(name, tmp_path, outside):
  path, before = made(tmp_path), content(outside)
  target = outside if '.' not in name else outside / 'a.json'
  (path / name).symlink_to(target)
  with pytest.raises(InputError, match=f'{name} is a link to .*outside'):
    run_folder.open_run(path, config=CONFIG)
  assert content(outside) == before
  # With --fresh the link goes, and what it led to stays.
  with run_folder.open_run(path, config=CONFIG, fresh=True) as folder:
    folder.forget_earlier()
    assert not (path / name).is_symlink()
  assert content(outside) == before


def test_links_deep_inside_are_refused_and_never_followed(tmp_path, outside):
  path, before = made(tmp_path), content(outside)
  deep = path / 'selection' / 'final0' / 'checkpoints'
  deep.mkdir(parents=True)
  (deep / '7').symlink_to(outside)
  with pytest.raises(InputError, match='checkpoints/7 is a link'):
    run_folder.open_run(path, config=CONFIG)
  with run_folder.open_run(path, config=CONFIG, fresh=True) as folder:
    folder.forget_earlier()
    assert not (path / 'selection').exists()
  assert content(outside) == before


def test_a_link_within_the_folder_is_no_matter(tmp_path):
  path = made(tmp_path)
  (path / 'folds').mkdir()
  (path / 'few_shot').symlink_to(path / 'folds')
  with run_folder.open_run(path, config=CONFIG):
    pass


def test_a_lock_that_is_a_link_empties_no_file(tmp_path, outside):
  path = made(tmp_path)
  (path / lock.NAME).unlink()
  (path / lock.NAME).symlink_to(outside / 'a.json')
  for fresh in (False, True):
    with pytest.raises(InputError, match='is a link'):
      run_folder.open_run(path, config=CONFIG, fresh=fresh)
  assert (outside / 'a.json').read_text() == 'mine'


@pytest.mark.parametrize('text', [
    '[' * 100_000, '{"a":' * 800 + '1' + '}' * 800, '[1]', '',
    '{"seed": 1' + '0' * 5000])
def test_a_hostile_configuration_is_one_sentence(text, tmp_path):
  path = made(tmp_path)
  (path / 'config.json').write_text(text)
  with pytest.raises(InputError, match='config.json cannot be read as JSON'):
    run_folder.open_run(path, config=CONFIG)


def test_an_enormous_configuration_is_not_read(tmp_path):
  path = made(tmp_path)
  with open(path / 'config.json', 'wb') as file:
    file.truncate(2**40)
  with pytest.raises(InputError, match='config.json cannot be read'):
    run_folder.open_run(path, config=CONFIG)


def test_no_name_is_a_formula():
  for name in ('=cmd|calc', '+1', '-1+1', '@SUM(A1)', '\t=1', '\r\n=1', ' =1'):
    cell = texts._csv(name)
    assert not cell.strip().startswith(('=', '+', '-', '@'))
  assert texts._csv('lightman') == 'lightman' and texts._csv(-3) == -3
