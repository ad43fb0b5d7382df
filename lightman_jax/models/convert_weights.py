"""The command `convert-weights`: published PyTorch weights become safetensors."""

import argparse
import csv
import io
import pathlib
import sys

from lightman_jax import bounded
from lightman_jax.errors import InputError

UNKNOWN = 'unknown'


def convert_weights(arguments: list[str]) -> int:
  """python -m lightman_jax convert-weights X.pth --out=Y.safetensors ..."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax convert-weights',
      description='Turns a state dictionary that PyTorch saved into safetensors for '
                  '--config.model.weights, without running what is in the file. What '
                  'the weights need and whom they saw is written beside them. The '
                  "defaults are those of STSTNet's PyTorch port.")
  parser.add_argument('weights', help='a .pth or .pt file: a state dictionary')
  parser.add_argument('--out', required=True, help='file.safetensors')
  parser.add_argument('--trained_on', required=True, metavar='CSV',
                      help='whom the weights were trained on: a csv with the columns '
                           'dataset, subject (a manifest is one); or unknown, which '
                           'every result of theirs will say')
  parser.add_argument('--held_out', action='append', default=[],
                      metavar='DATASET/SUBJECT',
                      help='of the csv, who was held out after all; may be repeated')
  parser.add_argument('--classes', default='negative,positive,surprise',
                      help='in the order of the logits')
  parser.add_argument('--holds', default='flow', choices=('flow', 'intensity'),
                      help='what the pictures show')
  parser.add_argument('--channels', default='strain,v,u',
                      help='of the pictures: u, v, strain of flow (red, green, blue of '
                           'a ready flow picture), or red, green, blue of intensity; '
                           'OpenCV reads them in the order strain, v, u')
  parser.add_argument('--range', default='0,255',
                      help='what the weights take for 0 and 255 of a picture')
  parser.add_argument('--size', type=int, default=28, help='side of the pictures')
  options = parser.parse_args(arguments)
  try:
    print(_convert(options))
  except InputError as error:
    print(error, file=sys.stderr)
    return 2
  except OSError as error:
    print(f'{options.out} cannot be written ({error.strerror or error})',
          file=sys.stderr)
    return 2
  return 0


def _convert(options: argparse.Namespace) -> str:
  # Not above: who asks for help does not wait for jax.
  from lightman_jax.files import file_sha256
  from lightman_jax.models import torch_files, weights_files
  out = pathlib.Path(options.out).expanduser()
  if out.suffix != weights_files.ENDING:
    raise InputError(f'--out={options.out} must end with {weights_files.ENDING}')
  people = read_people(options.trained_on, options.held_out)
  source = pathlib.Path(options.weights).expanduser()
  arrays = torch_files.read(source)
  try:
    low, high = map(float, options.range.split(','))
  except ValueError:
    raise InputError(f'--range={options.range} must be two numbers, as 0,255') from None
  words = lambda text: tuple(word.strip() for word in text.split(',') if word.strip())
  try:
    declared = weights_files.checked(weights_files.Declared(
        options.holds, words(options.channels), low, high, options.size,
        words(options.classes), people,
        f'{source.name} (sha256 {file_sha256(source)})'))
  except ValueError as error:
    raise InputError(f'--channels, --range, --size or --classes: {error}') from None
  weights_files.write(out, arrays, declared)
  trained = ('whom they were trained on is not known' if people is None
             else f'trained on {len(people)} people')
  return f'{out}: {len(arrays)} arrays, {trained}'


def read_people(path: str, held_out: list[str]) -> tuple[tuple[str, str], ...] | None:
  """The (data set, person) pairs of a csv; None where it is `unknown`.

  Args:
    path: of the csv, which has the columns dataset and subject.
    held_out: 'dataset/subject' of those to leave out of them.

  Raises:
    InputError: the csv cannot be read, or does not name whom to leave out.
  """
  from lightman_jax.data.spellings import is_missing
  if path == UNKNOWN:
    if held_out:
      raise InputError('--held_out leaves people out of a csv, and --trained_on is '
                       'unknown; give the csv')
    return None
  try:
    text = bounded.read_bytes(pathlib.Path(path).expanduser()).decode('utf-8-sig')
    rows = list(csv.DictReader(io.StringIO(text, newline='')))
    people = {(row['dataset'].strip(), row['subject'].strip()) for row in rows}
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror or error}; write '
                     '--trained_on=unknown where you do not know') from None
  except KeyError as error:
    raise InputError(f'{path} has no column {error}; it needs dataset and subject'
                     ) from None
  except (ValueError, AttributeError, csv.Error) as error:
    raise InputError(f'{path} is no csv with the columns dataset, subject ({error})'
                     ) from None
  if not people or any(map(is_missing, (word for pair in people for word in pair))):
    raise InputError(f'{path} names nobody, or leaves a dataset or subject empty')
  for word in held_out:
    pair = tuple(word.partition('/')[::2])
    if pair not in people:
      raise InputError(f'--held_out={word} is nobody of {path}; write DATASET/SUBJECT '
                       'as they stand there')
    people.discard(pair)
  if not people:
    raise InputError(f'--held_out leaves nobody of {path}; give whom the weights were '
                     'trained on, or --trained_on=unknown')
  return tuple(sorted(people))
