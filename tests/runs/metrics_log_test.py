"""The metrics log survives kills and says where it is damaged."""

import json
import time

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.runs import progress

LINES = [{'stage': 'train', 'fold': 'sub01', 'step': s, 'loss': 1 / s}
         for s in (1, 2, 3)]


def test_what_is_appended_is_read(tmp_path):
  path = tmp_path / 'new' / 'metrics.jsonl'
  assert progress.read(path) == []
  progress.append(path, LINES[:2])
  progress.append(path, [])
  progress.append(path, LINES[2:])
  assert progress.read(path) == LINES
  assert len(path.read_text().splitlines()) == 3


def test_numpy_and_what_json_lacks(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  progress.append(path, [{'step': np.int32(3), 'loss': np.float32('nan'),
                             'each': np.array([1., np.inf]), 'name': 'ä'}])
  assert progress.read(path) == [
      {'step': 3, 'loss': None, 'each': [1., None], 'name': 'ä'}]


@pytest.mark.parametrize('cut', range(1, 30, 7))
def test_torn_last_line_is_dropped(tmp_path, cut):
  path = tmp_path / 'metrics.jsonl'
  progress.append(path, LINES)
  path.write_bytes(path.read_bytes()[:-cut])
  assert progress.read(path) == LINES[:2]
  progress.append(path, [LINES[2]])
  assert progress.read(path) == LINES


def test_a_single_torn_line(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  path.write_text('{"step": ')
  progress.append(path, LINES)
  assert progress.read(path) == LINES


def test_keep_drops_what_is_later_than_the_checkpoint(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  assert progress.keep(path, lambda line: False) == 0
  progress.append(path, LINES)
  with open(path, 'a') as file:
    file.write('{"torn')
  assert progress.keep(path, lambda line: line['step'] <= 2) == 1
  assert path.read_text() == ''.join(json.dumps(line) + '\n' for line in LINES[:2])
  before = path.stat().st_mtime_ns
  time.sleep(.01)
  assert progress.keep(path, lambda line: True) == 0
  assert path.stat().st_mtime_ns == before
  assert [p.name for p in tmp_path.iterdir()] == ['metrics.jsonl']


@pytest.mark.parametrize('damage', ['{"step": 1', '[1, 2]', ''])
def test_a_damaged_line_is_named(tmp_path, damage):
  path = tmp_path / 'metrics.jsonl'
  path.write_text(f'{{"step": 0}}\n{damage}\n{{"step": 2}}\n')
  with pytest.raises(InputError, match='line 2'):
    progress.read(path)
