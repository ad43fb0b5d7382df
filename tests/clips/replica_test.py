"""The replica holds what the published sheets are known to hold."""

from collections import Counter

import pytest

from lightman_jax.clips import replica, replica_facts, replica_rows
from lightman_jax.errors import InputError


def test_rows_have_the_published_numbers():
  rows = replica_rows.rows(1)
  assert len({(row.subject, row.name) for row in rows}) == 255
  assert Counter(row.emotion for row in rows) == replica_facts.CLASSES_2014
  assert len({row.subject for row in rows}) == 26
  assert sum(row.units != row.units_2019 for row in rows) == 57
  assert {isinstance(row.units, int) for row in rows} == {True, False}
  lengths = sorted(row.offset - row.onset + 1 for row in rows)
  assert (lengths[0], lengths[-1]) == (24, 141) and abs(lengths[127] - 61) <= 2


def test_the_sheets_differ_where_the_published_ones_do():
  rows = replica_rows.rows()
  old, new = (replica_rows.table(rows, sheet)[1:] for sheet in ('2014', '2019'))
  assert [a[:7] for a in old] == [b[:7] for b in new]
  assert sum(a[8] != b[8] for a, b in zip(old, new)) == 3
  assert Counter(line[8] for line in new)['surprise'] == 28


def test_all_frames_between_onset_and_offset_are_there(tmp_path):
  def stop(stage, done, total):
    if done == 1:
      raise KeyboardInterrupt
  with pytest.raises(KeyboardInterrupt):
    replica.write_replica(tmp_path / 'r', per_class=1, size=(16, 20), progress=stop)
  (folder,) = tmp_path.glob('r/Cropped/*/*')
  row = next(row for row in replica_rows.rows() if row.name == folder.name
             and f'sub{row.subject:02d}' == folder.parent.name)
  assert {path.name for path in folder.iterdir()} == {
      f'reg_img{number}.jpg' for number in range(row.onset, row.offset + 1)}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
  (tmp_path / 'mine.txt').touch()
  with pytest.raises(InputError, match='not an empty folder'):
    replica.write_replica(tmp_path)
