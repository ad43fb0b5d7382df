"""Settings of a method that mean something for some methods alone."""

from collections.abc import Mapping
from typing import Any

from lightman_jax.errors import InputError

THROUGH = ('maml', 'fomaml', 'metasgd', 'anil', 'lightman')   # a query judges the steps

# Of Reptile, whose gradient is a displacement over the rate: below it, a float32 weight
# near 1 no longer moves, and 0 / 0 is no number.
LEAST_RATE = 1e-6

# The value that asks for nothing, and the methods for which there is more.
ONLY_FOR = {
    'method.first_order': (False, ('maml', 'fomaml', 'metasgd', 'anil', 'lightman')),
    'method.rates': ('fixed', THROUGH),
    'method.multi_step': (0., THROUGH),
    'method.weight': ('fixed', ('lightman',)),
    'method.alignment': ('marginal', ('lightman',)),
    'method.aligned': ('embedding', ('lightman',)),
    'method.align_outside': (False, ('lightman',)),
    'method.statistic': ('v', ('lightman',)),
    'method.bandwidth': (0., ('lightman',)),
    'method.bandwidth_rule': ('mean', ('lightman',)),
    'method.outer': ('query', ('lightman',)),
}


def check(given: Mapping[str, Any]) -> None:
  """Refuses combinations without meaning.

  Args:
    given: all settings, under dotted names.

  Raises:
    InputError: names the two settings, and what to do.
  """
  name = given['method.name']
  for setting, (nothing, methods) in ONLY_FOR.items():
    if given[setting] != nothing and name not in methods:
      raise InputError(
          f'{setting}={given[setting]} means nothing for method.name={name}; leave it '
          f'at {nothing}, or use one of {", ".join(methods)}')
  if name == 'metasgd' and given['method.rates'] == 'layers':
    raise InputError('method.name=metasgd learns a rate of every weight; for rates of '
                     'layers use method.name=maml')
  if name == 'reptile' and given['method.inner_rate'] < LEAST_RATE:
    raise InputError(
        f'method.inner_rate is {given["method.inner_rate"]} and method.name=reptile '
        f'divides by it; use {LEAST_RATE} or more')
  if name == 'lightman':
    _check_alignment(given)


def _check_alignment(given: Mapping[str, Any]) -> None:
  without = given['method.outer'] == 'none'
  for setting, (nothing, _) in ONLY_FOR.items():
    outer_level = ('method.first_order', 'method.rates', 'method.multi_step',
                   'method.weight', 'method.align_outside')
    if without and setting in outer_level and given[setting] != nothing:
      raise InputError(f'{setting}={given[setting]} is of the outer level, which '
                       'method.outer=none takes away; leave one of the two out')
  if given['method.weight'] == 'learned':
    if given['method.align_outside']:
      raise InputError('method.weight=learned goes by the outer loss, and '
                       'method.align_outside makes lambda a factor of that loss, which '
                       'is then least where lambda is nought; leave one of them out')
    if not given['method.align_weight']:
      raise InputError('method.weight=learned is kept as a logarithm and cannot start '
                       'at nought; give method.align_weight a value above it')
  if given['method.bandwidth'] and given['method.bandwidth_rule'] != 'mean':
    raise InputError('method.bandwidth is given, so method.bandwidth_rule would not be '
                     'asked; leave one of them out')
  if given['macro.source'] == 'none' or given['method.statistic'] == 'v':
    return
  if given['macro.clips'] < 2:
    raise InputError('method.statistic=u leaves a clip out of its own mean, so it '
                     'needs macro.clips of 2 or more')
  if given['method.alignment'] == 'per_class' and given['episodes.shots'] < 2:
    raise InputError('method.statistic=u leaves a clip out of its own mean, so '
                     'method.alignment=per_class needs episodes.shots of 2 or more')
