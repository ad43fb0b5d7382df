"""One person, or one class, under two names is refused; a setting says otherwise."""

import pytest

from lightman_jax.data import duplicates
from lightman_jax.data.choice import Choice
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.manifest import Entry
from lightman_jax.errors import InputError

ALIKE = ['sub01', 'Sub01', 'sub1', '1', '01', '1.0', 'SUB_01', 'Subject 1', 's1',
         's1.0', 'sub01.0', 'sub-S01', 'Subject_S01', 'subS01', 'subject #1', '(1)',
         'patient 1', 'user1', 'volunteer_01', 'vp1', 'sbj01', 'no.1', 'participant_1',
         'person 1', 'id1', 'p1', 'spNO.1', '１', '٠١', '①', 's\u200b1', '\ufeffsub01',
         'su\u00adb01', 'sub–01', 'sub\u221201', '1,0']
APART = ['1', '2', '11', '1-11', '11-1', 'A1', 'B1', 'a+', 'a', '10', '-1', '1.5']


def near(*subjects, dataset='manifest'):
  return duplicates.near_people((dataset, subject) for subject in subjects)


@pytest.mark.parametrize('name', ALIKE[1:])
def test_spellings_of_one_person(name):
  assert [one.names for one in near(ALIKE[0], name)] == [
      tuple(sorted((ALIKE[0], name)))]


@pytest.mark.parametrize('one, other', [
    ('A', '\u0410'), ('sam', 's\u0430m'), ('O2', '\u039f2'), ('i1', '\u01301'),
    ('I1', '\u01311'), ('s1', '\ua7311'), ('\u0421', 'c')])
def test_letters_of_other_scripts_that_look_alike(one, other):
  assert len(near(one, other)) == 1
  assert not near('\u0430\u0434\u0430', '\u0430\u0431\u0430')     # Cyrillic names


def test_different_people_are_not_near():
  assert not near(*APART)
  # Two people of one number in two data sets are two; of data sets that share people
  # they are one.
  assert not duplicates.near_people([('smic', 's1'), ('samm', '1')])
  assert duplicates.near_people([('samm_long', '6'), ('samm', '006')])


@pytest.mark.parametrize('facts', TABLES.values(), ids=TABLES)
def test_people_of_licensed_data_sets_are_not_near(facts):
  assert not near(*map(facts.subject.format, range(250)), dataset=facts.name)


def test_labels():
  (one,) = duplicates.near_labels(['negative', 'Negative', 'NEGATIVE', 'positive', ''])
  assert one.names == ('NEGATIVE', 'Negative', 'negative')
  assert not duplicates.near_labels(['-1', '0', '1', 'sub1', 'fear', 'fear+'])
  assert duplicates.near_labels(['1', '01']) and duplicates.near_labels(['1', '1.0'])
  for pair in [('neg', 'neg\u200b'), ('non-neg', 'non–neg'), ('class 1', 'class 1.0'),
               ('-1', '\u22121'), ('class 1', 'class １')]:
    assert len(duplicates.near_labels(pair)) == 1, pair


def test_data_sets():
  assert duplicates.near_data_sets(['my lab', 'My-Lab'])
  assert not duplicates.near_data_sets(['CASME II', 'casme2', 'SAMM', 'samm'])
  assert not duplicates.near_data_sets(['casme2_crop', 'casme', 'smic', 'NaN', 'nan'])
  (one,) = duplicates.near_data_sets(['samm', 'sammy', 'mine'])
  assert one.names == ('samm', 'sammy')


def entry(subject, label, dataset='manifest'):
  return Entry(2, 'c', subject, label, None, None, None, None, 0., dataset, 'micro')


def test_all_of_a_manifest_at_once():
  kinds = [one.kind for one in duplicates.near_names([
      entry('s1', 'joy', 'mine'), entry('S1', 'Joy', 'Mine'),
      entry('s1', 'x', 'mine')])]
  assert kinds == ['data sets', 'people', 'labels']


@pytest.mark.parametrize('subjects, settings, words', [
    (['s0', 'S0'], {}, ["'S0' and 's0'", "different_people='S0,s0'", 'column dataset']),
    (['s0', 'S0', 't1', 'T1'], {}, ['likewise', "'T1' and 't1'"]),
    (['s0', 'S0', '0'], {'different_people': 's0,S0'}, ["'0' and 'S0' and 's0'"]),
    (['s0', 't'], {'different_people': 's0'}, ["'s0'", 'like no other name']),
    (['a,1', 'A,1'], {}, ["different_people='all'"])])
def test_near_people_are_refused_in_one_sentence(subjects, settings, words):
  with pytest.raises(InputError) as caught:
    duplicates.check_near_names(near(*subjects), Choice('manifest', **settings),
                                place='m.csv')
  assert all(word in str(caught.value) for word in ('m.csv', *words)), caught.value
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('said', ['s0,S0', ' S0, s0', 'all'])
def test_a_setting_says_that_they_are_different(said):
  (line,) = duplicates.check_near_names(near('s0', 'S0', 't'),
                             Choice('manifest', different_people=said), place='m.csv')
  assert line == "'S0' and 's0' are different people: data.different_people"


@pytest.mark.parametrize('rows', [
    [('samm', '6'), ('', 'samm006')], [('casme2', 'casme2sub01'), ('casme2', '1')]])
def test_a_name_that_joins_data_set_and_number(rows):
  (one,) = duplicates.near_names([entry(subject, 'x', dataset)
                                  for dataset, subject in rows])
  assert one.kind == 'people'


def test_licensed_sheets_go_through_the_same_gate():
  """Classes of one's own, for example, may be alike."""
  rows, choice = [('samm', '006'), ('samm', '007')], Choice('samm')
  assert duplicates.check_names(rows, ['positive', 'negative'], choice) == ()
  with pytest.raises(InputError, match="samm: 'Positive' and 'positive' look like one"):
    duplicates.check_names(rows, ['Positive', 'positive'], choice)
  with pytest.raises(InputError, match="samm: '006' and '6' look like one person"):
    duplicates.check_names([*rows, ('samm_long', '6')], ['positive'], choice)
