"""Class sets and macro maps: named, sourced, and made by users, too."""

import pytest

from lightman_jax.data import facts as class_sets, spellings
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import MACRO_MAPS, macro_label
from lightman_jax.data.rows import Row
from lightman_jax.data.sheets import select_rows
from lightman_jax.errors import InputError

SETS = [(name, key) for name, facts in TABLES.items() for key in facts.class_sets]
# Clips of a class set, where works agree on it: (data set, class set, sheet) -> count.
PUBLISHED = {('casme2', 'casme2_5', '2014'): 246, ('casme2', 'casme2_5', '2019'): 249,
             ('samm', 'samm_5', ''): 136, ('samm', 'megc_3', ''): 133,
             ('smic', 'megc_3', ''): 164, ('casme', 'casme_4', ''): 178,
             ('casme_cubed', 'casme_cubed_7', ''): 860,
             ('casme_cubed', 'casme_cubed_4', ''): 860}


def row(**fields):
  return Row('s/c', 's', 'd', 'happiness', 'micro', 1, 2, 3, 0.)._replace(**fields)


@pytest.mark.parametrize('name, key', SETS)
def test_each_is_whole_and_says_whose_it_is(name, key):
  known = TABLES[name].class_sets[key]
  assert known.source and len(set(known.classes)) == len(known.classes)
  assert set(known.folding.values()) == set(known.classes)
  assert known.by == 'objective' or all(
      spellings.spell_emotion(word) == word for word in known.folding)


@pytest.mark.parametrize('name, key, sheet', PUBLISHED)
def test_sizes_follow_from_the_published_counts(name, key, sheet):
  facts = TABLES[name]
  (known,) = [entry for entry in facts.expected if entry.sheet == sheet]
  folding = facts.class_sets[key].folding
  assert sum(count for word, count in known.emotions.items() if word in folding) == (
      PUBLISHED[name, key, sheet])


def test_the_parts_of_megc_add_up():
  counts = dict.fromkeys(class_sets.THREE, 0)
  for name, less in (('smic', 0), ('casme2', 2), ('samm', 0)):
    facts = TABLES[name]
    known = facts.class_sets['megc_3']
    for word, count in facts.expected[0].emotions.items():
      if word in known.folding:
        counts[known.folding[word]] += count
    counts['negative'] -= less    # 04/EP12_01f and 05/EP09_05f
  assert counts == {'negative': 250, 'positive': 109, 'surprise': 83}


@pytest.mark.parametrize('facts', TABLES.values(), ids=TABLES)
def test_counts_of_emotions_are_those_of_the_rows(facts):
  for known in facts.expected:
    if known.emotions:
      labelled = sum(known.emotions.values())
      # CK+ has sequences that no emotion was given to.
      assert (labelled < known.rows if facts is TABLES['ck_plus'] else
              labelled == known.rows)
    assert all(spellings.spell_emotion(word) == word for word in known.emotions)


def test_objective_classes_select_by_their_column():
  five = TABLES['casme2'].class_sets['objective_5']
  assert five == TABLES['samm'].class_sets['objective_5']
  rows = tuple(row(clip=name, objective=name) for name in ('I', 'V', 'VI', ''))
  kept, left_out = select_rows(rows, five)
  assert [label for _, label in kept] == [0, 4]
  assert left_out[1].in_words[1] == 'the sheet gives no objective class'


@pytest.mark.parametrize('folding, by, label', [
    ({'Happy': 'good', 'anger': 'bad', 'sad': 'bad'}, 'emotion', 0),
    ({'I': 'good', 'iv': 'bad', '5': 'bad'}, 'objective', 1)])
def test_users_make_their_own(folding, by, label):
  if by == 'objective':
    folding = {name: label for name, label in folding.items() if name != '5'}
  own = class_sets.own_classes(folding)
  assert (own.classes, own.by) == (('good', 'bad'), by)
  (kept,) = select_rows((row(objective='IV'),), own)[0]
  assert kept[1] == label


@pytest.mark.parametrize('folding, word', [
    ({'anger': 'a'}, 'two classes'), ({}, 'two classes'),
    ({'I': 'a', 'anger': 'b'}, 'not both')])
def test_what_is_no_class_set_is_refused(folding, word):
  with pytest.raises(InputError, match=word):
    class_sets.own_classes(folding)


@pytest.mark.parametrize('emotion, name, label', [
    ('happiness', 'valence', 1), ('Happy', 'valence', 1), ('sadness', 'valence', 0),
    ('others', 'valence', -1), ('', 'valence', -1), ('surprise', 'same', 2),
    ('happiness', 'same', -1), ('positive', 'same', 1)])
def test_macro_emotions_have_a_micro_class_or_none(emotion, name, label):
  assert macro_label(emotion, name, class_sets.THREE) == label


def test_maps_have_sources_and_unknown_ones_are_named():
  assert all(known.source for known in MACRO_MAPS.values())
  with pytest.raises(InputError, match='valence'):
    macro_label('anger', 'valance', class_sets.THREE)
