"""The grammar of action units is loose; reading it must not be."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from lightman_jax.annotations.action_units import parse, spell
from lightman_jax.annotations.rows import ActionUnit

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
    ('B18+25', 'B18+25'),
    ('4A/B', '4A'),
    ('L12 or L14', 'L12+L14'),
    ('6+12,25', '6+12+25'),
    ('au4', '4'),
    ('(k)4', '4'),
    ('4+4', '4'),
    ('?', ''),
    ('NULL', ''),
    ('null', ''),
    ('', ''),
])
def test_sheets_spell_units_in_many_ways(text, units):
  assert spell(parse(text)) == units


@given(st.text())
def test_no_text_raises(text):
  assert all(1 <= unit.number <= 99 for unit in parse(text))


@given(st.lists(UNITS, unique=True).map(tuple))
def test_what_is_spelt_is_read_back(units):
  assert parse(spell(units)) == units
