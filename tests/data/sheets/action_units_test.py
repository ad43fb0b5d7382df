"""The grammar of action units is loose; reading it must not be."""

from hypothesis import given, strategies as st
import pytest

from lightman_jax.data.rows import (
  ActionUnit,
  parse_action_units,
  read_action_units,
  spell_action_units,
)

UNITS = st.builds(ActionUnit, st.integers(1, 99), st.sampled_from(['', *'LRTBA']),
                  st.sampled_from(['', *'ABCDE']))


@pytest.mark.parametrize('text, units', [
    ('12', '12'),
    ('12.0', '12'),
    ('4+L10', '4+L10'),
    ('(R6 or R12)+R15', 'R6+R12+R15'),
    ('ref(7B)+43', '7B+43'),
    ('10A/B', '10A'),
    ('A/L12', 'L12'),
    ('R14A or 17A or 24A', 'R14A+17A+24A'),
    ('14or23', '14+23'),
    ('L12 + 61 ', 'L12+61'),
    ('4，7,9', '4+7+9'),
    ('14+17+soft focus', '14+17'),
    ('T23', 'T23'),
    ('AU4+AU45(k)', '4'),
    ('4(K)+L12B', 'L12B'),
    ('B18+25', 'B18+25'),
    ('4A/B', '4A'),
    ('L12 or L14', 'L12+L14'),
    ('6+12,25', '6+12+25'),
    ('au4', '4'),
    ('(k)4', '4'),
    ('4+4', '4'),
    ('6L', 'L6'),
    ('9R+17', 'R9+17'),
    ('6BL+12', 'L6B+12'),
    ('6LB', 'L6B'),
    ('12(L)', 'L12'),
    ('7(B/C)', '7B'),
    ('7 (B or C)+12', '7B+12'),
    ('4+AD32', '4'),
    ('M61', ''),
    ('AU4+AU7', '4+7'),
    ('L12 or M61', 'L12'),
    ('?', ''),
    ('NULL', ''),
    ('null', ''),
    ('', ''),
])
def test_sheets_spell_units_in_many_ways(text, units):
  assert spell_action_units(parse_action_units(text)) == units


@pytest.mark.parametrize('text, others', [
    ('4+AD32', ('AD32',)), ('M61 + 12', ('M61',)), ('ad 32/7', ('ad 32',)),
    ('14+17+soft focus', ('soft focus',)), ('ref(7B)+43', ('ref',)), ('123', ('123',)),
    ('(k)4', ('k',)), ('6L+9R', ()), ('7(B/C)', ()), ('10A/B', ()), ('A/L12', ()),
    ('(R6 or R12)+R15', ()), ('14or23', ()), ('AU4 and AU7', ()), ('?', ()),
    ('NULL', ()), ('', ()), ('4\uff0c7', ())])
def test_what_is_no_unit_is_returned_beside_the_units(text, others):
  assert read_action_units(text).others == others


@pytest.mark.parametrize('text, chosen', [
    ('7(B/C)', ('7(B/C)', '7B')), ('10A/B', ('10A/B', '10A')),
    ('A/L12', ('A/L12', 'L12'))])
def test_the_alternative_that_is_kept_is_returned(text, chosen):
  (alternatives, unit), = read_action_units(text).chosen
  assert (alternatives, spell_action_units((unit,))) == chosen


@given(st.text())
def test_no_text_raises(text):
  assert all(1 <= unit.number <= 99 for unit in parse_action_units(text))


@given(st.lists(UNITS, unique=True).map(tuple))
def test_what_is_spelt_is_read_back(units):
  assert parse_action_units(spell_action_units(units)) == units
