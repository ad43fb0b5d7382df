"""A bundle on disk: weights.safetensors, and model.json, which says what they are.

What comes from elsewhere is data: it is bounded before it is read, nothing in it is
run, and every array is compared with the network that the settings describe before
anything is computed with it. `model.json` is written last, so a folder that has one is
whole. Its fields:

- format, version: `FORMAT`, `VERSION`.
- settings: of the run, without places on disk and without code from outside.
- classes; clip: the shape of one input; seeds; draws: of supports, 0 where none count.
- scaling: what published weights take for our pictures; null elsewhere.
- frames, size, rate: of a clip, in pixels and frames a second, as the model saw them.
- fold: 'all', or who was held out; seen: (data set, person) of all who were trained on.
- expect: scores of the run on people whom its models had not seen; null where none are.
- calibration: see `calibration`; null where there is nothing to calibrate by.
- licences: what a user has to think of; remarks: whatever else there is to say.
- versions, code_sha256, data_sha256: of what made it; weights_sha256: of the weights;
  about_sha256: of all other fields, absent in bundles that are older than it.
"""

from collections.abc import Mapping, Sequence
import hashlib
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, numpy as safetensors

from lightman_jax import bounded, places, sections, settings as settings_module
from lightman_jax.bundle import predictor
from lightman_jax.configurations import defaults
from lightman_jax.data.people import SYNTHETIC
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.runs.folder import write_json
from lightman_jax.runs.identity import canonical_json
from lightman_jax.units import counted, three_digits

FORMAT, VERSION = 'lightman_jax bundle', 1
ABOUT, WEIGHTS = 'model.json', 'weights.safetensors'
MOST_ABOUT = 8 * 1024**2        # bytes
MOST_WEIGHTS = 2 * 1024**3
ANEW = 'copy it again, or make it again with python -m lightman_jax final'


class Bundle(NamedTuple):
  """What a bundle holds, checked."""
  about: Mapping[str, Any]        # content of model.json
  arrays: Sequence[Mapping[str, Any]]       # of each seed, see `predictor.Arrays`


def check_place(folder: str | os.PathLike) -> pathlib.Path:
  """Where a bundle may be written: an empty folder, or none yet.

  Args:
    folder: of the bundle; ~ is the home folder.

  Raises:
    InputError: something lies there.
  """
  path = places.expand(folder)
  if path.exists() and not path.is_dir():
    raise InputError(f'{path} is a file; give a folder that is not there yet as --out')
  if path.is_dir() and any(entry.name != WEIGHTS and not entry.name.startswith('.')
                           for entry in path.iterdir()):
    raise InputError(f'{path} holds files already, and nothing there is replaced; give '
                     'a folder that is not there yet as --out')
  return path


def write(folder: str | os.PathLike, about: Mapping[str, Any],
          arrays: Sequence[Mapping[str, Any]]) -> None:
  """Writes a bundle, `model.json` last.

  Args:
    folder: see `check_place`.
    about: the fields of model.json but for format, version and the weights' hash.
    arrays: of each seed.

  Raises:
    OSError: the disk is full.
  """
  path = check_place(folder)
  content = content_of(arrays)
  with write_atomically(path / WEIGHTS, 'wb') as file:
    file.write(content)
  about = {'format': FORMAT, 'version': VERSION, **about,
           'weights_sha256': hashlib.sha256(content).hexdigest()}
  write_json(path / ABOUT, {**about, 'about_sha256': about_sha256(about)})


def about_sha256(about: Mapping[str, Any]) -> str:
  """SHA-256 of the fields of model.json, whatever their order and layout.

  Args:
    about: content of model.json; its own `about_sha256` does not count.
  """
  rest = {name: value for name, value in about.items() if name != 'about_sha256'}
  # As it is once it has been written and read.
  plain = json.loads(canonical_json(rest))
  return hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def content_of(arrays: Sequence[Mapping[str, Any]]) -> bytes:
  """The bytes of weights.safetensors; equal arrays give equal bytes.

  Args:
    arrays: of each seed.
  """
  named = {name: np.ascontiguousarray(x)
           for seed, tree in enumerate(arrays)
           for name, x in by_name(tree, f'seed{seed}').items()}
  return safetensors.save(dict(sorted(named.items())))


def by_name(tree: Any, prefix: str) -> dict[str, Any]:
  """The leaves of nested mappings, under names with strokes between.

  Args:
    tree: nested mappings.
    prefix: that all names begin with.
  """
  if not isinstance(tree, Mapping):
    return {prefix: tree}
  return {name: leaf for key, part in tree.items()
          for name, leaf in by_name(part, f'{prefix}/{key}').items()}


def read(folder: str | os.PathLike) -> Bundle:
  """Reads a bundle, whoever made it.

  Args:
    folder: of the bundle; ~ is the home folder.

  Raises:
    InputError: there is none, or it is another version's, not whole, or damaged.
  """
  path = places.expand(folder)
  about = _read_about(path)
  expected = _expected(path, about)
  named = _read_weights(path / WEIGHTS, about)
  _check_arrays(path / WEIGHTS, named, expected)
  return Bundle(about, [_nested(named, f'seed{seed}/')
                        for seed in range(len(about['seeds']))])


def _read_about(path: pathlib.Path) -> dict[str, Any]:
  place = path / ABOUT
  try:
    about = bounded.read_json(place, MOST_ABOUT)
  except FileNotFoundError:
    raise InputError(f'{path} is no bundle: it has no {ABOUT}; give a folder that '
                     'python -m lightman_jax final has written') from None
  except (OSError, ValueError) as error:
    raise InputError(f'{place} cannot be read ({error}); {ANEW}') from error
  if not isinstance(about, dict) or about.get('format') != FORMAT:
    raise InputError(f'{place} is of another program: its format is not {FORMAT!r}; '
                     'give a folder that python -m lightman_jax final has written')
  version = about.get('version')
  if type(version) is not int or version < 1:
    raise InputError(f'{place} has no version ({str(version)[:40]!r}); {ANEW}')
  if version > VERSION:
    raise InputError(f'{place} is of version {version} and this program reads version '
                     f'{VERSION}: install a newer lightman_jax')
  if version < VERSION:
    raise InputError(f'{place} is of version {version} and this program reads version '
                     f'{VERSION}: make it again with python -m lightman_jax final')
  if about.get('about_sha256', about_sha256(about)) != about_sha256(about):
    raise InputError(f'{place} is not what was written: a field was changed by hand, '
                     f'or damaged; {ANEW}')
  return about


def _expected(path: pathlib.Path, about: dict[str, Any]) -> dict[str, Any]:
  """Name -> shape and type of every array, by the network that is described."""
  try:
    if isinstance(about['settings'], dict):
      about['settings'] = completed(about['settings'])
    check_about(about)
    shapes = predictor.shapes(about)
  except InputError as error:
    raise InputError(f'{path / ABOUT} describes no model of this version: {error}'
                     ) from error
  except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
    what = f'it holds no {error}' if isinstance(error, KeyError) else error
    raise InputError(f'{path / ABOUT} is damaged, or of another program '
                     f'({" ".join(str(what).split())[:200]}); {ANEW}') from error
  return {name: leaf for seed in range(len(about['seeds']))
          for name, leaf in by_name(shapes, f'seed{seed}').items()}


# Sections that bundles of this version may lack: they came after the first of these.
NEWER = ('labels',)


def completed(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Settings with the defaults of those that are newer than a bundle.

  A default is what was so before there was a setting.

  Args:
    settings: of model.json.

  Raises:
    KeyError, TypeError, ValueError, InputError: they are none.
  """
  result = dict(settings)
  for section, usual in defaults.base().to_dict().items():
    own = {place[0]: kind for kind, place in sections.SECTIONS.items()
           if kind in sections.OWN}
    if section in own:
      key = sections.SECTIONS[own[section]][1]
      usual = {name: option.default for name, option in sections.options_of(
          own[section], settings[section][key]).items()}
    if isinstance(usual, dict):
      own_values = settings.get(section, {}) if section in NEWER else settings[section]
      result[section] = {**usual, **own_values}
    else:
      result.setdefault(section, usual)
  return result


def check_about(about: Mapping[str, Any]) -> None:
  """Refuses fields that no bundle of this version has.

  Args:
    about: content of model.json.

  Raises:
    InputError: settings that cannot be.
    KeyError, TypeError, ValueError: a field is missing, or of another kind.
  """
  if not isinstance(about['settings'], dict):
    raise ValueError('settings are no object')
  settings_module.check(about['settings'])
  classes, clip, seeds = about['classes'], about['clip'], about['seeds']
  if not (isinstance(classes, list) and 2 <= len(set(classes)) == len(classes)
          and all(isinstance(name, str) and name.strip() for name in classes)):
    raise ValueError('classes are two names or more, each once')
  if not (isinstance(clip, list) and 1 <= len(clip) <= 4
          and all(_is_count(size, 1, 4096) for size in clip)):
    raise ValueError('clip is no shape')
  if not (isinstance(seeds, list) and seeds and len(seeds) <= 64
          and all(_is_count(seed, 0, 2**31 - 1) for seed in seeds)):
    raise ValueError('seeds are no numbers')
  for name, most in (('draws', 10**6), ('frames', 10**4), ('size', 4096)):
    if not _is_count(about[name], 0, most):
      raise ValueError(f'{name} is no number from 0 to {most}')
  if (about['scaling'] is not None
      and sorted(about['scaling'][0]) != [*range(len(about['scaling'][0]))]):
    raise ValueError('scaling is no order of channels')
  _check_rate(about['rate'])
  _check_calibration(about['calibration'])
  for name in ('seen', 'licences', 'remarks'):
    if not isinstance(about[name], list):
      raise ValueError(f'{name} is no list')
  if not all(isinstance(pair, list) and len(pair) == 2 for pair in about['seen']):
    raise ValueError('seen holds no pairs of data set and person')
  for name in ('fold', 'weights_sha256'):
    if not isinstance(about[name], str):
      raise ValueError(f'{name} is no text')


def _check_rate(rate: Any) -> None:
  if rate is None:
    return
  least, most = rate['least'], rate['most']
  if not (_is_real(least) and _is_real(most) and 0 < least <= most):
    raise ValueError('the rate is no pair of frames a second, the least and the most')


def _check_calibration(calibration: Any) -> None:
  if calibration is None:
    return
  temperature, threshold = calibration['temperature'], calibration['threshold']
  if not (_is_real(temperature) and temperature > 0):
    raise ValueError('the temperature is no positive number')
  if threshold is not None and not (_is_real(threshold) and 0 <= threshold <= 1):
    raise ValueError('the threshold is no number from 0 to 1')


def _is_count(value: Any, least: int, most: int) -> bool:
  return type(value) is int and least <= value <= most


def _is_real(value: Any) -> bool:
  return type(value) in (int, float) and math.isfinite(value)


def _read_weights(place: pathlib.Path, about: Mapping[str, Any]
                  ) -> dict[str, np.ndarray]:
  try:
    size = os.stat(place).st_size
    if size > MOST_WEIGHTS:
      raise bounded.Refused(f'it holds {size} bytes; more than {MOST_WEIGHTS} are not '
                            'read')
    content = bounded.read_bytes(place, max(size, 1))
    if hashlib.sha256(content).hexdigest() != about['weights_sha256']:
      raise ValueError(f'it is not the file that {ABOUT} was written with: it was cut '
                       'short, changed or exchanged')
    return dict(safetensors.load(content))
  except FileNotFoundError:
    raise InputError(f'{place.parent} is no whole bundle: it has no {WEIGHTS}; {ANEW}'
                     ) from None
  except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
    raise InputError(f'{place} cannot be read ({error}); {ANEW}') from error


def _check_arrays(place: pathlib.Path, named: Mapping[str, np.ndarray],
                  expected: Mapping[str, Any]) -> None:
  """All arrays that the settings ask for, and no others, of finite numbers."""
  if missing := sorted(expected.keys() - named.keys()):
    raise InputError(f'{place} lacks {len(missing)} of the {len(expected)} arrays that '
                     f'its settings ask for, {missing[0]!r} for one; {ANEW}')
  if more := sorted(named.keys() - expected.keys()):
    raise InputError(f'{place} holds {more[0][:80]!r}, which is no array of the '
                     f'network that its settings describe; {ANEW}')
  for name, leaf in expected.items():
    array = named[name]
    if array.shape != leaf.shape or array.dtype != np.dtype(leaf.dtype):
      raise InputError(
          f'{place}: {name!r} is {array.dtype} {array.shape}, and the network that its '
          f'settings describe has {np.dtype(leaf.dtype)} {leaf.shape}; {ANEW}')
    if not np.isfinite(array).all():
      raise InputError(f'{place}: {name!r} holds values that are no numbers; {ANEW}')


def _nested(named: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
  tree: dict[str, Any] = {}
  for name, array in named.items():
    if not name.startswith(prefix):
      continue
    *above, last = name.removeprefix(prefix).split('/')
    part = tree
    for word in above:
      part = part.setdefault(word, {})
    part[last] = jax.numpy.asarray(array)
  return tree


def describe_people(seen: Sequence[Sequence[str]]) -> str:
  """'14 people and 16 people who are drawn'.

  Args:
    seen: (data set, person) of all.
  """
  drawn = sum(name == SYNTHETIC for name, _ in seen)
  return ' and '.join(counted(n, 'person') + who for n, who in (
      (len(seen) - drawn, ''), (drawn, ' who are drawn')) if n)


def describe(about: Mapping[str, Any]) -> list[str]:
  """Lines on what a model is, for who prints it.

  Args:
    about: content of model.json.
  """
  known, expect = about['calibration'], about['expect']
  lines = [f'{about["settings"]["method"]["name"]}, {", ".join(about["classes"])}; '
           f'trained on {describe_people(about["seen"])}']
  if expect:
    uf1 = '{} [{}, {}]'.format(*(three_digits(expect['scores']['uf1'][name])
                                 for name in ('value', 'low', 'high')))
    lines.append(f'to expect: UF1 {uf1} ({expect["protocol"]}, {expect["dataset"]})')
  if known and known['threshold'] is not None:
    lines.append(f'sets at {known["level"]:.0%}: {known["held_out"]:.1%} of held-out '
                 f'clips in theirs, {known["classes_in_a_set"]:.2f} classes a set')
  return [*lines, *about['remarks'], *about['licences']]
