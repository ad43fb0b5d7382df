"""Who is held out is held out of macro-expressions, whichever data set shows them."""

import pytest

from lightman_jax.clips import people


@pytest.mark.parametrize('source, dataset, expected', [
    ('samm_long', 'samm', '{}'), ('samm_long', 'megc2019', 'samm/{}'),
    ('samm_long', 'casme2', None), ('casme_squared', 'megc2019', None),
    ('samm_long', 'smic', None), ('synthetic', 'manifest', None)])
def test_the_same_people_are_known_under_their_names(source, dataset, expected):
  assert people.found_in(source, dataset) == expected
  said = people.told(source, dataset)
  assert ('are held out' in said) == bool(expected) and '\n' not in said
