"""Executes the notebooks of examples/ and keeps what they show.

    pip install -e '.[test]'
    python docs/notebooks.py [--cache DIR] [--out DIR] [NAME ...]

Each notebook runs by itself in an empty folder, with data and caches of its own;
`--cache` names a folder in which these stay, so that a second time is quicker. A
notebook is written back to examples/, or below `--out`, when all of its cells have run.
Progress and other lines of the standard error, which say how long something took here,
are not kept, nor is anything else that would differ from one machine to the next.
"""

import argparse
import base64
import io
import os
import pathlib
import re
import sys
import tempfile

import nbclient
import nbformat
from PIL import Image

DOCS = pathlib.Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / 'examples'
# Pages and README show a notebook's last picture as this file.
SHOWN = {'video': DOCS / 'pictures' / 'video-timeline.png'}
SECONDS = 3600          # that one cell may take


def execute(notebook: nbformat.NotebookNode, folder: pathlib.Path,
            cache: pathlib.Path) -> None:
  """Runs all cells in a folder; outputs are written into the notebook.

  Args:
    notebook: changed in place.
    folder: the empty one in which its kernel runs.
    cache: of data sets, inputs and compiled programs.
  """
  path = os.pathsep.join((os.path.dirname(sys.executable), os.environ['PATH']))
  environment = {
      **os.environ, 'PATH': path, 'NO_COLOR': '1', 'COLUMNS': '88',
      'TFDS_DATA_DIR': str(cache / 'data'), 'XDG_CACHE_HOME': str(cache),
      # No face model, whether or not there is one on this machine.
      'XDG_DATA_HOME': str(cache / 'share'),
      'JAX_COMPILATION_CACHE_DIR': str(cache / 'jax'),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0'}
  client = nbclient.NotebookClient(
      notebook, timeout=SECONDS, kernel_name='python3',
      resources={'metadata': {'path': str(folder)}})
  client.execute(env=environment)


def tidy(notebook: nbformat.NotebookNode, folder: pathlib.Path) -> None:
  """Leaves out what differs from machine to machine, and makes pictures small.

  Args:
    notebook: changed in place.
    folder: in which it ran, of which no path is kept.
  """
  notebook.metadata = {
      'kernelspec': {'name': 'python3', 'display_name': 'Python 3',
                     'language': 'python'},
      'language_info': {'name': 'python'}}
  for number, cell in enumerate(notebook.cells):
    cell.id, cell.metadata = f'cell-{number:02d}', {}
    if cell.cell_type != 'code':
      continue
    # Nor is what a progress bar leaves in a browser.
    cell.outputs = [output for output in cell.outputs
                    if output.get('name') != 'stderr'
                    and 'text/html' not in output.get('data', {})]
    cell.outputs = _joined(cell.outputs)
    for output in cell.outputs:
      if 'text' in output:
        text = re.sub(r'\x1b\[[\d;]*m|[ \t]+$', '', output.text, flags=re.M)
        output.text = text.replace(f'{folder}/', '').replace(str(folder), '.')
      if 'image/png' in output.get('data', {}):
        output.data = {'image/png': _small(output.data['image/png'])}
        output.metadata = {}


def _joined(outputs: list) -> list:
  """Lines that were printed one after the other as one output."""
  joined = []
  for output in outputs:
    if joined and output.get('name') == joined[-1].get('name') == 'stdout':
      joined[-1].text += output.text
    else:
      joined.append(output)
  return joined


def _small(png: str) -> str:
  """The same picture in 256 colours, where that is smaller."""
  content = base64.b64decode(png)
  picture = Image.open(io.BytesIO(content)).convert('RGB')
  file = io.BytesIO()
  picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
      file, 'PNG', optimize=True)
  return base64.b64encode(min(content, file.getvalue(), key=len)).decode()


def last_picture(notebook: nbformat.NotebookNode) -> bytes:
  """The last picture that a notebook shows, as PNG."""
  *_, png = (output.data['image/png'] for cell in notebook.cells
             for output in cell.get('outputs', ()) if 'image/png' in output.get(
                 'data', {}))
  return base64.b64decode(png)


def main(arguments: list[str]) -> int:
  """Executes the notebooks that are named, or all; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('names', nargs='*', metavar='NAME', help='as first_look')
  parser.add_argument('--cache', type=pathlib.Path, help='a folder that stays')
  parser.add_argument('--out', type=pathlib.Path, default=EXAMPLES)
  options = parser.parse_args(arguments)
  names = options.names or sorted(path.stem for path in EXAMPLES.glob('*.ipynb'))
  for name in names:
    notebook = nbformat.read(EXAMPLES / f'{name}.ipynb', as_version=4)
    with tempfile.TemporaryDirectory() as folder:
      place = pathlib.Path(folder)
      (place / 'work').mkdir()
      execute(notebook, place / 'work', (options.cache or place / 'cache').resolve())
      tidy(notebook, (place / 'work').resolve())
    nbformat.validate(notebook)
    nbformat.write(notebook, options.out / f'{name}.ipynb')
    if options.out == EXAMPLES and name in SHOWN:
      SHOWN[name].write_bytes(last_picture(notebook))
    print(options.out / f'{name}.ipynb', flush=True)
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
