"""Notebooks are executed whole, small, of nobody's machine, and where readers look."""

import base64
import io
import pathlib
import re
import subprocess
import sys

import nbformat
from PIL import Image
import pytest
import yaml

import lightman_jax as lm

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / 'examples').glob('*.ipynb'))
every_notebook = pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
  notebook = nbformat.read(path, as_version=4)
  nbformat.validate(notebook)
  return notebook


def code_of(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def kinds(cell):
  """What a cell shows: printed lines, pictures."""
  return [output.get('name') or sorted(output.data) for output in cell.outputs]


@every_notebook
def test_outputs_are_those_of_one_execution(path):
  notebook = read(path)
  code = code_of(notebook)
  assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
  assert {output.output_type for cell in code for output in cell.outputs} <= {
      'stream', 'display_data'}
  assert not [kind for cell in code for kind in kinds(cell) if kind == 'stderr']
  assert any('image/png' in kind for cell in code for kind in kinds(cell))


@every_notebook
def test_it_is_short_and_names_no_machine(path):
  text = path.read_text(encoding='utf-8')
  notebook = read(path)
  assert len(notebook.cells) <= 30 and len(text) < 2**20
  words = ' '.join(cell.source for cell in notebook.cells
                   if cell.cell_type == 'markdown').split()
  assert len(words) < 900
  shown = '\n'.join(output.text for cell in code_of(notebook)
                    for output in cell.outputs if output.output_type == 'stream')
  assert not re.search(r'/(tmp|home|root|work|Users)\b', shown)
  for cell in code_of(notebook):
    for output in cell.outputs:
      if 'image/png' in output.get('data', {}):
        picture = Image.open(io.BytesIO(base64.b64decode(output.data['image/png'])))
        assert max(picture.size) <= 1000


@every_notebook
def test_what_it_names_is_there(path):
  notebook = read(path)
  for cell in notebook.cells:
    if cell.cell_type == 'code':
      assert set(re.findall(r'\blm\.(\w+)', cell.source)) <= set(lm.__all__)
      continue
    for target in re.findall(r'\]\(([^)#]+)\)', cell.source):
      assert (path.parent / target).resolve().is_file(), target


def test_all_are_listed_and_small():
  site = yaml.safe_load((ROOT / 'mkdocs.yml').read_text(encoding='utf-8'))
  page = (ROOT / 'docs/tutorials/notebooks.md').read_text(encoding='utf-8')
  for path in NOTEBOOKS:
    assert f'(../../examples/{path.name})' in page
    assert f'notebooks/{path.stem}.md' in str(site['nav'])
  assert '(docs/tutorials/notebooks.md)' in (ROOT / 'README.md').read_text()
  assert sum(path.stat().st_size for path in NOTEBOOKS) < 2 * 2**20
  with Image.open(ROOT / 'docs/pictures/micro-expression.gif') as picture:
    assert picture.n_frames > 5
  assert (ROOT / 'docs/pictures/micro-expression.gif').stat().st_size <= 2**20
  assert all(path.stat().st_size < 2**18 for path in (ROOT / 'docs/pictures').iterdir()
             if path.suffix == '.png')


@pytest.mark.slow
@every_notebook
def test_it_runs(path, tmp_path):
  subprocess.run([sys.executable, ROOT / 'docs/notebooks.py', path.stem,
                  f'--out={tmp_path}', f'--cache={tmp_path / "cache"}'], check=True)
  again, kept = read(tmp_path / path.name), read(path)
  assert [kinds(cell) for cell in code_of(again)] == [
      kinds(cell) for cell in code_of(kept)]
