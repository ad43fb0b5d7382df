"""Settings of a network that mean something for some encoders alone."""

from collections.abc import Mapping
import os
from typing import Any

from lightman_jax.errors import InputError

# The value that asks for nothing, and the encoders for which there is more.
ONLY_FOR = {
    'model.norm': ('group', ('ststnet',)),
    'model.decompose': (True, ('dere_grl',)),
    'model.relate': (True, ('dere_grl',)),
}


def check(given: Mapping[str, Any]) -> None:
  """Refuses combinations without meaning.

  Args:
    given: all settings, under dotted names.

  Raises:
    InputError: names the two settings, and what to do.
  """
  encoder, kind = given['model.encoder'], given['inputs.kind']
  for name in ('model.width', 'model.temporal_width'):
    if given[name] % 4:
      raise InputError(f'{name} is {given[name]}; group normalisation has 4 groups, so '
                       'it must be a multiple of 4')
  for setting, (nothing, encoders) in ONLY_FOR.items():
    if given[setting] != nothing and encoder not in encoders:
      raise InputError(
          f'{setting}={given[setting]} means nothing for model.encoder={encoder}; '
          f'leave it at {nothing}, or use {" or ".join(encoders)}')
  if encoder == 'dere_grl' and kind != 'landmarks':
    raise InputError(f'model.encoder=dere_grl takes the movements of landmarks and '
                     f'inputs.kind={kind} has none; use inputs.kind=landmarks')
  if encoder not in ('dere_grl', 'mlp', 'tcn') and kind == 'landmarks':
    raise InputError(
        f'model.encoder={encoder} takes pictures and inputs.kind=landmarks has none; '
        'use flow, difference, frames or picture, or model.encoder=dere_grl, mlp or '
        'tcn')
  holds_flow = kind == 'flow' or (kind == 'picture' and given['inputs.holds'] == 'flow')
  if encoder == 'off_apexnet' and not holds_flow:
    raise InputError('model.encoder=off_apexnet has a stream for each of u and v, '
                     'which optical flow alone has; use inputs.kind=flow, or picture '
                     'with inputs.holds=flow')
  if given['model.norm'] == 'batch':
    _check_published(given)
  if given['model.weights']:
    _check_weights(given['model.weights'], given['model.norm'])
    if given['inputs.centre'] != 'none':
      raise InputError(
          'model.weights were trained on pictures as they are and inputs.centre='
          f'{given["inputs.centre"]} changes them; use inputs.centre=none')


def _check_weights(path: str, norm: str) -> None:
  if norm != 'batch':
    raise InputError(
        'model.weights are those of STSTNet as it was published, and model.norm='
        f'{norm} is another network; use the variant published, or model.norm=batch')
  if not os.path.exists(os.path.expanduser(path)):
    raise InputError(
        f'model.weights: {path} is not there; python -m lightman_jax convert-weights '
        'makes such a file from a .pth')


def _check_published(given: Mapping[str, Any]) -> None:
  if given['method.name'] != 'supervised':
    raise InputError(
        f'model.norm=batch keeps running statistics, which method.name='
        f'{given["method.name"]} cannot adapt to one task; use method.name=supervised, '
        'or model.norm=group')
  if given['model.temporal_depth']:
    raise InputError('model.norm=batch is STSTNet as it was published, which has no '
                     'temporal module; set model.temporal_depth=0')
