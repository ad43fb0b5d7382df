"""Words in one spelling each, whatever a cell holds."""

import pytest

from lightman_jax.data import spellings


@pytest.mark.parametrize('cell, objective', [
    ('IV', 'IV'), ('iv ', 'IV'), ('4', 'IV'), ('', ''), ('8', '8'), ('0', '0'),
    ('²', '2'), ('9' * 5000, '9' * 5000)])
def test_objective_classes_are_roman(cell, objective):
  assert spellings.spell_objective(cell) == (objective if objective != '2' else 'II')
