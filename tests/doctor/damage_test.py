"""Some rounds of benchmarks/damage.py, and whether it would notice a bad reader."""

import numpy as np
import pytest

from benchmarks import damage, damage_judge, damage_sheets, damage_trees
from lightman_jax.data import planning


@pytest.fixture(scope='module')
def stock(tmp_path_factory):
  home = tmp_path_factory.mktemp('damage')
  return {name: damage.prepare(name, home) for name in ('casme2', 'samm', 'smic_vis')}


@pytest.mark.parametrize('name', ['casme2', 'samm', 'smic_vis'])
@pytest.mark.parametrize('first', [0, 100])
def test_damaged_copies_are_told_of_and_never_misread(stock, tmp_path, name, first):
  for number in range(first, first + 8):
    done, _, faults = damage.play(stock[name], number, tmp_path)
    assert faults == [], (number, done)


def drop_one(plan):
  return plan._replace(items=plan.items[1:])


def take_turns(plan):
  """Each clip's pictures go to the next row."""
  turned = plan.items[1:] + plan.items[:1]
  return plan._replace(items=tuple(
      item._replace(make=other.make) for item, other in zip(plan.items, turned)))


def repair(plan):
  """Frame numbers that are in no sheet."""
  return plan._replace(items=tuple(
      item._replace(row=item.row._replace(offset=item.row.offset + 1))
      for item in plan.items))


def fail(plan):
  return plan.items[10**6]


@pytest.mark.parametrize('naive, words', [
    (drop_one, 'used and left out'), (take_turns, 'shows'),
    (repair, 'are not those of'), (fail, 'IndexError')])
def test_a_naive_reader_is_noticed(stock, tmp_path, monkeypatch, naive, words):
  honest = planning.plan_tree
  monkeypatch.setattr(damage_sheets, 'OPERATIONS', (damage_sheets.shuffle_rows,))
  monkeypatch.setattr(damage_trees, 'OPERATIONS', (damage_trees.strangers,))
  monkeypatch.setattr(damage_judge.planning, 'plan_tree',
                      lambda choice: naive(honest(choice)))
  faults = [fault for number in range(3)
            for fault in damage.play(stock['samm'], number, tmp_path)[2]]
  assert any(words in fault for fault in faults)


def test_a_clip_that_only_a_link_brings_in_is_noticed(stock, tmp_path, monkeypatch):
  monkeypatch.setattr(damage_trees, 'OPERATIONS', (damage_trees.link_folders,))
  monkeypatch.setattr(planning.Tree, 'check', lambda self, path: None)
  faults = [fault for number in range(8)
            for fault in damage.play(stock['casme2'], number, tmp_path)[2]]
  assert any('lies outside' in fault for fault in faults)


def test_operations_keep_account_of_lines():
  rng = np.random.default_rng(0)
  lines = [['Subject', 'Filename'], *([f'{n}', f'c{n}'] for n in range(30))]
  for operation in (damage_sheets.shuffle_rows, damage_sheets.delete_rows,
                    damage_sheets.double_rows, damage_sheets.foreign_rows,
                    damage_sheets.preamble):
    sheet = operation(damage_sheets.begin(lines, 0), rng)
    for line, origin in zip(sheet.lines, sheet.origin, strict=True):
      assert origin == -1 or line == lines[origin]
