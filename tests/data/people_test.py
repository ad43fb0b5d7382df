"""Who is held out is held out of macro-expressions, whichever data set shows them."""

import pytest

from lightman_jax.data import people
from lightman_jax.data.people import UNKNOWN
from lightman_jax.errors import InputError


@pytest.mark.parametrize('dataset, known, family', [
    ('SAMM', 'samm', 'samm'), ('SAMM Long Videos', 'samm_long', 'samm'),
    ('samm-LV', 'samm_long', 'samm'), ('samm_cropped', 'samm_cropped', 'samm'),
    ('SMIC-HS', 'smic', 'smic'), ('smic_nir', 'smic_nir', 'smic'),
    ('CASME II', 'casme2', 'casme2'), ('CASME', 'casme', 'casme'),
    ('CAS(ME)^2', 'casme_squared', 'casme_squared'),
    ('CAS(ME)²', 'casme_squared', 'casme_squared'),
    ('CAS(ME)3', 'casme_cubed', 'casme_cubed'), ('Sammy', 'Sammy', 'Sammy'),
    ('MEGC2019', 'megc2019', 'megc2019'), ('cas\u200bme2', 'casme2', 'casme2')])
def test_a_data_set_is_known_however_it_is_written(dataset, known, family):
  assert people.canonical(dataset) == known
  assert people.family(dataset) == family


@pytest.mark.parametrize('family, names', [
    ('casme2', ['CASME II cropped', 'casme2_crop', 'casme2-raw', 'CASME II/2014',
                'CASME2 macro', 'CASME (II)', 'ＣＡＳＭＥ２ raw']),
    ('casme', ['casme_a', 'CASME-B', 'casme 2013', 'CASME I cropped']),
    ('casme_squared', ['CAS(ME)^2 cropped', 'CAS(ME)² raw', 'casme-squared-macro']),
    ('casme_cubed', ['casme3a', 'casme3c', 'CAS(ME)³ part A']),
    ('smic', ['SMICE', 'smicsubset', 'SMIC-HS-E']), ('dfme', ['DFME_test', 'my dfme']),
    ('samm', ['my samm', 'samm\u00ad-crop', 'sa\u200bmm'])])
def test_a_name_with_a_known_one_in_it_is_of_that_one(family, names):
  assert {name: people.family(name) for name in names} == dict.fromkeys(names, family)


@pytest.mark.parametrize('name', ['mysamm', 'casmexyz', 'samm_casme2', 'mine'])
def test_other_names_are_data_sets_of_their_own(name):
  assert people.family(name) == name


@pytest.mark.parametrize('name', ['', ' ', 'NaN', 'n/a', 'NA', 'None', '#N/A',
                                  'unknown', 'Unknown', '\u200b', 'manifest'])
def test_a_cell_may_name_no_data_set(name):
  assert people.identify_row(name, 's1') == (UNKNOWN, 's1')
  assert people.origin(name, 's1') == ''
  assert people.match_people([(name, '6')], [('samm_long', '006')]) == ['6']


def test_every_data_set_that_shares_people_has_a_source():
  for shared in people.SHARED:
    assert shared.source and {people.family(name) for name in shared.members} == {
        shared.family}


@pytest.mark.parametrize('row, expected', [
    (('samm', '006'), ('samm', '006')), (('SAMM', 'samm/006'), ('samm', '006')),
    (('samm', 'SAMM006'), ('samm', '006')),
    (('samm_long', '006'), ('samm_long', '006')),
    (('', 'smic/s01'), ('smic', 's01')), (('', 'casme2-sub01'), ('casme2', 'sub01')),
    (('', 'mine/s01'), ('mine', 's01')), (('', 'mine-s01'), (UNKNOWN, 'mine-s01')),
    (('manifest', 's01'), (UNKNOWN, 's01')), (('mine', 's01'), ('mine', 's01')),
    (('mine', 'samm/006'), ('samm', '006')), (('', 'samm006'), ('samm', '006')),
    (('', 'sub-samm-006'), ('samm', '006')), (('', 'casme2sub01'), ('casme2', 'sub01')),
    (('casme2', 'casme2sub01'), ('casme2', 'sub01')), (('', 'Samms6'), ('samm', 's6')),
    (('', 'sammy6'), (UNKNOWN, 'sammy6')), (('', 'samm-006-1'), ('samm', '006-1')),
    (('megc2019', 'samm/006'), ('samm', '006')),
])
def test_a_row_says_whose_clip_it_is(row, expected):
  assert people.identify_row(*row) == expected


def test_a_composite_alone_says_not_whose_clip_it_is():
  with pytest.raises(InputError, match='megc2019 is made of smic, casme2, samm'):
    people.identify_row('megc2019', '006')


@pytest.mark.parametrize('rows, expected', [
    ([('smic', '1'), ('casme2', '1'), ('samm', '1')], ['smic/1', 'casme2/1', 'samm/1']),
    ([('smic', 's1'), ('smic', 's2')], ['s1', 's2']),
    ([('casme2', 'casme2-sub01'), ('smic', 'smic-s01')], ['casme2-sub01', 'smic-s01']),
    ([('samm', '006'), ('samm_long', '006')], ['006', '006']),
    ([('samm', 'samm/006'), ('samm_long', 'samm_long/006')], ['samm/006', 'samm/006']),
    ([('samm', '006'), ('samm_long', '006'), ('smic', '006')],
     ['samm/006', 'samm/006', 'smic/006']),
    ([('', 's1'), ('mine', 's1'), ('', 's2')], ['s1', 's1', 's2'])])
def test_each_person_of_a_manifest_has_one_name(rows, expected):
  assert [name for _, name in people.name_people(rows)] == expected


def test_a_row_that_could_be_anyones_is_refused():
  with pytest.raises(InputError, match="'1' has no data set .* 'smic/1' or 'samm/1'"):
    people.name_people([('smic', '1'), ('samm', '1'), ('', '1')])


MINE = [('samm', '006'), ('samm', '007')]


@pytest.mark.parametrize('mine, theirs, expected', [
    (MINE, ('samm_long', '006'), '006'), (MINE, ('samm', '6'), '006'),
    (MINE, ('SAMM Long Videos', 'sub06'), '006'), (MINE, ('samm_long', '008'), ''),
    (MINE, ('casme2', '006'), ''), (MINE, ('synthetic', '006'), ''),
    (MINE, (UNKNOWN, 's006'), '006'), (MINE, (UNKNOWN, 'samm_long/006'), '006'),
    (MINE, (UNKNOWN, 'smic/006'), ''), (MINE, (UNKNOWN, 'x/006'), '006'),
    ([(UNKNOWN, 'samm006')], ('samm_long', '006'), 'samm006'),
    ([(UNKNOWN, 'sub-samm-006')], ('samm_long', '006'), 'sub-samm-006'),
    ([(UNKNOWN, 'x/006')], ('samm_long', '006'), 'x/006'),
    ([('x', 'x/006')], ('samm_long', '006'), 'x/006'),
    ([(UNKNOWN, 'subject#6')], ('samm_long', '006'), 'subject#6'),
    ([(UNKNOWN, 'sub-S006')], ('samm_long', '006'), 'sub-S006'),
    ([('a', 'a/6'), ('b', 'b/6')], ('samm_long', '006'), ''),
    ([('sammy', '6')], ('samm_long', '006'), '6'),
    ([('mine', '6')], ('samm_long', '006'), ''),
    ([('samm', 'samm/006'), ('smic', 'smic/s06')], ('samm_long', '006'), 'samm/006'),
    ([('samm', 'samm-006'), ('smic', 'smic-s06')], ('samm_long', '006'), 'samm-006'),
    ([('megc2019', 'samm/006')], ('samm_long', '006'), 'samm/006'),
    ([(UNKNOWN, '6')], ('samm_long', '006'), '6'),
    ([(UNKNOWN, 's1'), (UNKNOWN, 'S1')], (UNKNOWN, 'S1'), 'S1'),
    ([('synthetic', 'p1')], (UNKNOWN, 'p1'), ''),
    ([('synthetic', 'p1')], ('synthetic', 'p1'), 'p1')])
def test_a_person_is_the_same_in_the_macro_expressions(mine, theirs, expected):
  assert people.match_people(mine, [theirs, theirs]) == [expected] * 2


def test_macro_expressions_that_could_be_of_two_people_are_refused():
  with pytest.raises(InputError, match="'6' could be those of 'samm/006' or of "):
    people.match_people([('samm', 'samm/006'), ('smic', 'smic/s06')], [(UNKNOWN, '6')])


@pytest.mark.parametrize('mine, theirs, words', [
    ('samm', '', []), ('synthetic', 'synthetic', []), ('samm', 'samm_long', []),
    ('samm', 'synthetic', []), (UNKNOWN, '', ['the data name no data set']),
    ('samm', 'casme_squared', ['anyone of casme_squared is in samm']),
    (UNKNOWN, 'synthetic', ['the data name no data set']),
    (UNKNOWN, 'samm_long', ['the data name no data set', 'people of one name are']),
    ('samm', UNKNOWN, ['the macro-expressions name no data set']),
    ('casme_squared', 'casme_squared', ['from 1 in the sheet and from 15'])])
def test_what_is_not_known_is_said(mine, theirs, words):
  said = people.describe_overlap(
      [(mine, '1')], [(theirs, '1')] if theirs else [])['not_known']
  assert len(said) == len(words)
  assert all(word in line for word, line in zip(words, said))


def test_two_data_sets_may_share_people_and_it_is_said():
  said = people.describe_overlap([('samm', '1'), ('casme2', '1')])
  assert 'two of casme2, samm is not known' in said['not_known'][0]
  assert 'samm and samm_long' in said['known'][0]


@pytest.mark.parametrize('one, other, expected', [
    (('casme2', 'casme2-sub01'), ('casme2', 'sub01'), True),
    (('casme2', 'sub01'), ('MEGC2019', 'casme2/sub01'), True),
    (('megc2019', 'casme2/sub01'), ('CASME II', '1'), True),
    (('megc2019', 'casme2/sub01'), ('MEGC2019', 'sub01'), True),
    (('megc2019', 'casme2/sub01'), ('megc2019', 'smic/s01'), False),
    (('casme_cubed', 'spNO.1'), ('casme_cubed', '1'), True),
    (('smic', 's2'), ('smic', '\u200bid２'), True),
    (('mine', '1'), ('yours', '1'), False), (('MyLab', '1'), ('mylab', '1'), True)])
def test_two_may_be_one_person(one, other, expected):
  assert people.may_be_one(one, other) == people.may_be_one(other, one) == expected


def test_data_sets_of_one_name_are_one_in_two_files():
  assert not people.describe_overlap([('MyLab', '1')], [('mylab', '1')])['not_known']


@pytest.mark.parametrize('text', ['p' * 5000, 'subjects' * 600, 'casme sq' + 'a' * 9000,
                                  'samm' * 2000, '-' * 5000])
def test_a_cell_that_holds_a_book_is_compared_all_the_same(text):
  assert people.person_key(text, text) == people.person_key(text, text.upper())
