"""Corrections: off unless named, exact, and on record."""

import pytest

from lightman_jax.data.datasets import samm
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.sheets import CORRECTIONS, choose_corrections
from lightman_jax.errors import InputError

HEADER = ['Subject', 'Filename', 'Onset Frame', 'Apex Frame', 'Offset Frame',
          'Action Units', 'Estimated Emotion']


def line(name='028_4_1', onset=1071, apex=1143, offset=1134):
  return [name[:3], name, onset, apex, offset, '12', 'Happiness']


@pytest.mark.parametrize('repair, apex, offset', [
    ('swap', 1134, 1143), ('end', 1134, 1134), ('middle', 1102, 1134),
    ('spotted', None, 1134)])
def test_each_repair_of_one_error_gives_its_own_frames(read, repair, apex, offset):
  name = f'samm_028_4_1_{repair}'
  listing = read(samm.FACTS, HEADER, line(), line('028_4_2'), corrections=[name])
  # The neighbour breaks the order, too: no correction names it.
  assert [(row.clip, row.apex, row.offset) for row in listing.rows] == [
      ('028/028_4_1', apex, offset)]
  assert name in str(listing.rows[0].notes[0]) and name in str(listing.corrected[0])


def test_a_listing_tells_whose_apex_a_correction_took_away(read):
  lines = [HEADER, line(), line('032_3_1', 4896, 1930, 4970)]
  listing = read(samm.FACTS, *lines, corrections=('samm_028_4_1_spotted',
                                                  'samm_032_3_1'))
  assert listing.withdrawn == {'028/028_4_1'}
  assert not read(samm.FACTS, *lines, corrections=['samm_028_4_1_end']).withdrawn


def test_none_is_the_default(read):
  listing = read(samm.FACTS, HEADER, line(), line('032_3_1', 4896, 1930, 4970))
  assert (listing.rows, listing.corrected, len(listing.left_out)) == ((), (), 2)


def test_corrections_of_different_errors_go_together(read):
  listing = read(samm.FACTS, HEADER, line(), line('032_3_1', 4896, 1930, 4970),
                 corrections=('samm_028_4_1_end', 'samm_032_3_1'))
  assert [row.apex for row in listing.rows] == [1134, 4930]


def test_a_sheet_that_somebody_repaired_keeps_its_numbers(read):
  listing = read(samm.FACTS, HEADER, line(apex=1100), corrections=['samm_028_4_1_swap'])
  assert listing.rows[0].apex == 1100 and listing.rows[0].notes == ()
  assert 'not applied' in str(listing.corrected[0])


def test_a_correction_without_its_row_says_so(read):
  listing = read(samm.FACTS, HEADER, line('006_1_2', 1, 2, 3),
                 corrections=['samm_032_3_1'])
  assert 'no row of 032/032_3_1' in str(listing.corrected[0])


@pytest.mark.parametrize('names, words', [
    (['samm_032'], ["'samm_032'", "nearest is 'samm_032_3_1'"]),
    (['samm_028_4_1_end', 'samm_028_4_1_swap'],
     ['both change the apex', 'choose one'])])
def test_what_cannot_be_chosen_is_named(names, words):
  with pytest.raises(InputError) as caught:
    choose_corrections(names, 'samm')
  assert all(word in str(caught.value) for word in words)


def test_corrections_of_other_data_sets_do_not_matter():
  assert choose_corrections(['casme_cubed_spotted', 'samm_032_3_1'], 'samm').keys() == {
      'samm_032_3_1'}


@pytest.mark.parametrize('name', CORRECTIONS)
def test_each_has_a_source_a_reason_and_known_columns(name):
  correction = CORRECTIONS[name]
  facts = TABLES[correction.dataset]
  assert correction.source and correction.reason and correction.changes
  for change in correction.changes:
    assert change.after and change.before or change.only_disordered
    assert {*change.before, *change.after} <= {*facts.columns, *facts.positions}
