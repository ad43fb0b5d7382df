"""A stage's digest follows what computes it, no comment and no other stage."""

import ast
import pathlib
import shutil

import pytest

from lightman_jax import code_digest
from lightman_jax.code_digest import Package, code_sha256, tree_sha256
from lightman_jax.inputs import inputs
from lightman_jax.runs import environment

FILES = {
    '__init__.py': '"""All."""\nVERSION = 1\n',
    'low.py': '"""Low."""\n\ndef half(x):\n  """Halves."""\n  return x / 2\n',
    'far.py': 'far = 1\n',
    'door/__init__.py': '"""Door."""\n',
    'door/stage.py': 'from package.low import half\nfrom package import other\n'
                     'def run(x):\n  from package.door import late\n  return half(x)\n',
    'door/late.py': 'import os\n',
    'other.py': 'import package.low\nfrom collections import abc\n'}


@pytest.fixture
def package(tmp_path):
  """A function: the digest of its stage, after files were written anew."""
  root = tmp_path / 'package'
  (root / 'door').mkdir(parents=True)
  for name, text in FILES.items():
    (root / name).write_text(text)

  def sha256(changed=()):
    for name, text in dict(changed).items():
      (root / name).write_text(text)
    return Package(root).sha256(['package.door.stage'])
  return sha256


@pytest.mark.parametrize('changed', [
    {'low.py': '"""Other words."""\n\n\ndef half(x):   # of it\n\n  return (x / 2)\n'},
    {'far.py': 'far = 2\n'}, {'door/late.py': '# a comment\nimport os\n"a string"\n'}],
    ids=['words and places', 'another module', 'a string that stands alone'])
def test_what_computes_nothing_is_not_seen(package, changed):
  assert package() == package(changed)


@pytest.mark.parametrize('changed', [
    {'low.py': 'def half(x):\n  return x / 3\n'},
    {'low.py': 'def half(x):\n  return "x"\n'},
    {'other.py': 'import package.low\n'}, {'door/late.py': 'import sys\n'}],
    ids=['a number', 'a value that is a string', 'an import', 'of an import inside'])
def test_what_computes_is_seen_however_far_away(package, changed):
  assert package() != package(changed)


def test_a_name_that_a_package_defines_itself_counts(package):
  first = package({'other.py': 'from package import VERSION\n'})
  assert first != package({'__init__.py': 'VERSION = 2\n'})


@pytest.mark.parametrize('one, two', [
    ('x = 1', 'x = True'), ('x = 1', 'x = 1.'), ('x = None', 'x'), ('f(a)', 'f(*a)'),
    ('x = "1"', 'x = 1'), ('x = b"a"', 'x = "a"'), ('a - b', 'b - a'),
    ('if a: b\nc', 'if a:\n  b\n  c'), ('lambda: 0', 'lambda x: 0')])
def test_trees_that_differ_have_other_digests(one, two):
  assert tree_sha256(ast.parse(one)) != tree_sha256(ast.parse(two))


def test_a_module_that_is_not_there_is_an_error():
  with pytest.raises(ModuleNotFoundError, match='lightman_jax.nothing'):
    code_sha256('lightman_jax.nothing')


def reread(root, name):
  """A copy of this package; what is not edited is not read again."""
  package = Package(root)
  module = '.'.join(('lightman_jax', *pathlib.Path(name).with_suffix('').parts))
  package._modules.update(code_digest._OURS._modules)
  package._modules.pop(module, None)
  return package


@pytest.fixture
def edited(tmp_path):
  """A function: the digests of a stage before and after an edit of this package."""
  root = shutil.copytree(code_digest.PACKAGE, tmp_path / 'lightman_jax',
                         ignore=shutil.ignore_patterns('__pycache__'))

  def digests(stage, name, line):
    path = root / name
    path.write_text(f'{path.read_text()}{line}\n')
    before = code_sha256(stage)
    return before, reread(root, name).sha256([stage])
  digests.root = root
  return digests


@pytest.fixture
def run_of(edited, monkeypatch):
  """A function: the digest of the code of a run after a text was changed in a file."""
  def sha256(name, old, new):
    path = edited.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    package = reread(edited.root, name)
    monkeypatch.setattr(environment, 'code_sha256',
                        lambda *modules, without: package.sha256(modules, without))
    return environment.code_version()
  return sha256


def test_inputs_with_another_strain_are_other_inputs(edited):
  before, after = edited(inputs.STAGE, 'faces/dense_flow.py', 'strain = None')
  assert before != after


def test_the_report_page_is_no_part_of_inputs_and_of_runs(edited):
  for stage in (inputs.STAGE, environment.RUN):
    before, after = edited(stage, 'report/page/html.py', 'STYLE = None')
    assert before == after


@pytest.mark.parametrize('name, old, new', [
    ('training/state.py', 'Everything a resumed run needs', 'What a run needs'),
    ('training/state.py', '# of a meta-batch, over all devices', '# of a step'),
    ('report/templates.py', '#1b2430', '#1b2431'),
    ('report/figures.py', 'import os\n', 'import sys\n'),
    ('runs/progress.py', ': took', ': lasted')],
    ids=['a docstring', 'a comment', 'a colour', 'a drawing', 'a line of progress'])
def test_a_run_goes_on_after_words_and_looks(run_of, name, old, new):
  before = environment.code_version()
  assert run_of(name, old, new) == before


@pytest.mark.parametrize('name, old, new', [
    ('meta/methods.py', 'LEAST_RATE = 1e-6', 'LEAST_RATE = 1e-5'),
    ('meta/methods.py', "option(.05, 'their", "option(.06, 'their"),
    ('meta/mmd.py', '.5, 1.', '.5, 1.5'), ('models/conv4.py', 'int = 32', 'int = 33'),
    ('evaluation/scores.py', '2 *', '3 *')],
    ids=['a constant', 'a default', 'a kernel', 'an encoder', 'a score'])
def test_no_run_goes_on_after_another_constant(run_of, name, old, new):
  """Of a method, too, which the table of methods names and no module imports."""
  before = environment.code_version()
  assert run_of(name, old, new) != before


@pytest.mark.parametrize('name', ['meta/inner.py', 'keys.py'])
def test_a_run_goes_on_after_a_comment_and_not_after_a_computation(edited, name):
  before, after = edited(environment.RUN, name, '# A comment.')
  assert before == after
  before, after = edited(environment.RUN, name, 'X = 0')
  assert before != after
