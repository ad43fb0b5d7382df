"""The command `fetch`: brings the two graphs that find faces, and checks them."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import zipfile
import zlib

from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.faces import detection
from lightman_jax.files import write_atomically

_MOST = 10 * 2**20        # bytes of a graph; a larger file is none
# Whatever this machine is: nothing of the wheel runs here.
_PIP = ('-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
        '--only-binary=:all:', '--python-version=3.12',
        '--platform=manylinux_2_28_x86_64')


def fetch(arguments: list[str]) -> int:
  """python -m lightman_jax fetch: puts the graphs in their place; once is enough."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax fetch',
      description='Brings the two neural networks that find faces and landmarks '
                  f'(1.5 MB, Apache-2.0), out of the wheel of {detection.WHEEL} (36 '
                  'MB), which pip downloads and which is not installed.')
  parser.add_argument('--wheel', default='', help='the wheel, where it is here already')
  parser.add_argument('--to', default='',
                      help=f'folder for the networks ({detection.default_folder()})')
  options = parser.parse_args(arguments)
  folder = places.expand(options.to or detection.default_folder())
  try:
    if _complete(folder):
      print(f'{folder} holds both networks already.')
    else:
      fetch_graphs(folder, wheel=options.wheel)
      print(f'{folder} now holds {" and ".join(g.name for g in detection.GRAPHS)}.')
  except InputError as error:
    print(error, file=sys.stderr)
    return 2
  return 0


def fetch_graphs(folder: pathlib.Path, *, wheel: str = '') -> None:
  """Puts both files, checked, into a folder.

  Args:
    folder: made where it is missing; a wrong file in it is replaced.
    wheel: the wheel of mediapipe; '' has pip download it.

  Raises:
    InputError: the wheel cannot be had, is not the right one, or the folder cannot be
      written.
  """
  with tempfile.TemporaryDirectory() as scratch:
    source = places.expand(wheel) if wheel else _download(scratch)
    contents = {graph: _member(source, graph) for graph in detection.GRAPHS}
  try:
    for graph, content in contents.items():
      with write_atomically(folder / graph.name, 'wb') as file:
        file.write(content)
  except OSError as error:
    raise InputError(f'{folder} cannot be written ({error.strerror}); choose another '
                     'place with --to.') from error


def _complete(folder: pathlib.Path) -> bool:
  try:
    detection.locate_graphs(folder)
  except InputError:
    return False
  return True


def _download(scratch: str) -> pathlib.Path:
  done = subprocess.run([sys.executable, *_PIP, f'--dest={scratch}', detection.WHEEL],
                        capture_output=True, text=True, check=False)
  wheels = list(pathlib.Path(scratch).glob('*.whl'))
  if done.returncode or not wheels:
    message = (done.stderr.strip() or 'no word').splitlines()[-1]
    raise InputError(f'pip cannot download {detection.WHEEL} ({message}); bring its '
                     'wheel for CPython 3.12 and Linux here by other means and give it '
                     'with --wheel.')
  return wheels[0]


def _member(wheel: pathlib.Path, graph: detection.Graph) -> bytes:
  try:
    with zipfile.ZipFile(wheel) as archive:
      if archive.getinfo(graph.member).file_size > _MOST:
        raise InputError(f'{graph.member} in {wheel} is too large to be that graph.')
      content = archive.read(graph.member)
  except KeyError as error:
    raise InputError(f'{wheel} holds no {graph.member}; give the wheel of '
                     f'{detection.WHEEL}.') from error
  # zipfile meets damaged archives with whatever its decoders raise.
  except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile,
          zlib.error) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{wheel} cannot be read as a wheel ({error}); give that of '
                     f'{detection.WHEEL}.') from error
  detection.check_graph(graph, content, f'{graph.member} in {wheel}')
  return content
