"""The rules of the house that a reader relies on, held by reading the source."""

import ast
import builtins
import configparser
import dis
import functools
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

from lightman_jax import settings
from lightman_jax.configurations import defaults

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'lightman_jax'
# In the order in which data flow: an import only ever points to the left.
FLOW = ('configurations', 'faces', 'synthetic', 'data', 'inputs', 'tasks', 'doctor',
        'models', 'meta', 'training', 'evaluation', 'runs', 'report', 'profiling',
        'experiment', 'bundle', 'video')
BASIS = ('__init__', 'batches', 'bounded', 'code_digest', 'command_line', 'completion',
         'config_flag', 'coupled_settings', 'errors', 'files', 'keys',
         'listed_settings', 'machine', 'options', 'places', 'refusals', 'registry',
         'renamed', 'sections', 'settings', 'settings_command', 'settings_help',
         'units')
SOURCES = sorted(PACKAGE.rglob('*.py'))
FLAT = frozenset(settings.flat(defaults.base().to_dict()))

# What a module is called that a distribution installs, where the names differ.
MODULES = {'absl-py': 'absl', 'Jinja2': 'jinja2', 'MarkupSafe': 'markupsafe',
           'ml-collections': 'ml_collections',
           'opencv-contrib-python-headless': 'cv2',
           'orbax-checkpoint': 'orbax',
           'pillow': 'PIL', 'pympi-ling': 'pympi', 'python-calamine': 'python_calamine',
           'scikit-learn': 'sklearn',
           'tensorflow-datasets': 'tensorflow_datasets'}
# tfds needs these without TensorFlow, and does not say so itself.
FOR_TFDS = {'array_record', 'importlib_resources'}


@functools.cache
def tree_of(path: pathlib.Path) -> ast.AST:
  return ast.parse(path.read_text(encoding='utf-8'))


def name_of(path: pathlib.Path) -> str:
  return str(path.relative_to(PACKAGE))


def for_every(paths):
  """One test of a rule for many files; what fails says of which."""
  def make(rule):
    @functools.wraps(rule)
    def test(**fixtures):
      for path in paths:
        try:
          rule(path, **fixtures)
        except AssertionError as error:
          error.add_note(f'in {path.relative_to(ROOT)}')
          raise
    path, *fixtures = inspect.signature(rule).parameters.values()
    assert path.name == 'path'
    test.__signature__ = inspect.Signature(fixtures)
    return test
  return make


every_source = for_every(SOURCES)


def imports(tree: ast.AST) -> set[str]:
  """Dotted names of all that is imported, at the top or inside functions."""
  names = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, 'imports are absolute'
      names |= {f'{node.module}.{alias.name}' for alias in node.names}
  return names


def stage(parts: tuple[str, ...]) -> int:
  """Where a module stands in the flow: -1 under it, len(FLOW) above it."""
  if parts[0] in FLOW:
    return FLOW.index(parts[0])
  return -1 if parts[0] in BASIS else len(FLOW)


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
  return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@every_source
def test_imports_point_upstream(path):
  mine = stage(path.relative_to(PACKAGE).with_suffix('').parts)
  for name in imports(tree_of(path)):
    first, *rest = name.split('.')
    assert first not in ('tests', 'configs', 'launch', 'benchmarks')
    if first == 'lightman_jax' and rest:
      assert stage(tuple(rest)) <= mine, f'{name} stands downstream'


def test_the_picture_of_the_rooms_is_that_of_today():
  sys.path.insert(0, str(ROOT / 'docs'))
  try:
    draw_imports = importlib.import_module('draw_imports')
  finally:
    sys.path.pop(0)
  text = draw_imports.PAGE.read_text(encoding='utf-8')
  assert text == draw_imports.page_with_picture(text), 'python docs/draw_imports.py'
  assert draw_imports.without_detours({'c': {'a', 'b'}, 'b': {'a'}}) == {
      'c': {'b'}, 'b': {'a'}}
  assert draw_imports.imports()['tasks'] == {'basis', 'data', 'inputs'}


def undefined_names(text):
  """Names that some code reads and neither its module nor Python has.

  A linter takes the shapes in annotations for names, so that it cannot be asked.
  """
  module = compile(text, '', 'exec')
  codes, bound, read = [module], set(), set()
  for code in codes:
    codes += [one for one in code.co_consts if isinstance(one, type(module))]
    at_module = ('STORE_NAME', 'LOAD_NAME') if code is module else ()
    for step in dis.get_instructions(code):
      if step.opname in ('STORE_GLOBAL', *at_module[:1]):
        bound.add(step.argval)
      elif step.opname in ('LOAD_GLOBAL', *at_module[1:]):
        read.add(step.argval)
  return {name for name in read - bound - set(dir(builtins))
          if not name.startswith('__')}


def test_no_name_is_undefined():
  assert undefined_names('import a\ndef f(x: "n h"):\n  return a.b + c + len(x)') == {
      'c'}
  for folder in ('lightman_jax', 'tests', 'benchmarks', 'examples', 'configs', 'docs'):
    for path in sorted((ROOT / folder).rglob('*.py')):
      names = undefined_names(path.read_text(encoding='utf-8'))
      assert not names, f'{path}: {names}'


def test_the_page_of_the_code_names_what_is_there():
  text = (ROOT / 'docs' / 'code.md').read_text(encoding='utf-8')
  rooms, _, rest = text.partition('## Where things happen')
  rows = re.findall(r'^\| `(\w+)` \|.*\| (`.*`) \|$', rooms, re.M)
  assert {room for room, _ in rows} == {'basis', *FLOW}
  places = {f'{room}/{name}'.removeprefix('basis/') for room, names in rows
            for name in re.findall('`([^`]+)`', names)}
  places |= set(re.findall(r'`([a-z0-9_/]+\.py)`', rest))
  assert {name for name in places
          if not (PACKAGE / name).is_file() and not (ROOT / name).is_file()} == set()


def test_every_folder_stands_in_the_flow():
  folders = {path.parent.relative_to(PACKAGE).parts[0] for path in SOURCES
             if path.parent != PACKAGE}
  assert folders <= set(FLOW)


# Names that are imported when they are first used: of the door, and one room's.
DOORS = {'__init__.py', 'tasks/__init__.py'}


@every_source
def test_packages_hold_a_docstring_alone(path):
  if path.name != '__init__.py':
    return
  rest = tree_of(path).body[1:]
  if name_of(path) not in DOORS:
    assert not rest
  assert {type(node) for node in rest} <= {ast.Import, ast.Assign, ast.FunctionDef}
  for node in rest:
    # What is imported at the top is paid for by every import of the package.
    assert not isinstance(node, ast.Import) or imports(node) == {'importlib'}
    assert not isinstance(node, ast.FunctionDef) or node.name in ('__getattr__',
                                                                  '__dir__')


@every_source
def test_docstrings(path):
  def missing(node, prefix):
    if not ast.get_docstring(node):
      yield prefix or 'the module'
    for child in node.body:
      if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
        if not child.name.startswith('_') and not isinstance(node, ast.FunctionDef):
          yield from missing(child, f'{prefix}.{child.name}'.lstrip('.'))
  assert list(missing(tree_of(path), '')) == []


# How a thing came about, where a name should say what it is.
RIDDLES = {'ask', 'asked', 'believed', 'besides', 'extras', 'found', 'given', 'held',
           'judged', 'told'}


def names_made(tree: ast.AST) -> set[str]:
  """Of functions, classes, parameters and variables."""
  nodes = list(ast.walk(tree))
  return {node.name for node in nodes
          if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
          } | {node.arg for node in nodes if isinstance(node, ast.arg)} | {
              node.id for node in nodes
              if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@every_source
def test_names_say_what_things_are(path):
  assert names_made(tree_of(path)) & RIDDLES == set()


@pytest.mark.parametrize('room', ['meta', 'models', 'tasks', 'training'])
def test_public_functions_say_what_they_take(room):
  """But for a few of which the signature says all."""
  public = {f'{path.name}: {node.name}': 'Args:' in ast.get_docstring(node)
            for path in SOURCES if path.parent.name == room
            for node in tree_of(path).body if isinstance(node, ast.FunctionDef)
            and not node.name.startswith('_')
            and (node.args.args or node.args.kwonlyargs)}
  without = [name for name, says in public.items() if not says]
  assert len(without) <= .2 * len(public), without


@every_source
def test_files_and_functions_fit(path):
  assert len(path.read_text(encoding='utf-8').splitlines()) <= 500
  long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(tree_of(path))}
  assert {name: lines for name, lines in long.items() if lines > 60} == {}


@every_source
def test_the_key_comes_first(path):
  if not any(name.split('.')[0] == 'jax' for name in imports(tree_of(path))):
    return                                # there a key is that of a mapping
  top = [node for node in tree_of(path).body if isinstance(node, ast.FunctionDef)]
  # Nested functions may follow `Learner`, whose adapt takes (params, support, key).
  for function in top:
    names = [argument.arg for argument in (*function.args.posonlyargs,
                                           *function.args.args,
                                           *function.args.kwonlyargs)]
    assert 'key' not in names[1:], f'{function.name}({", ".join(names)})'


@every_source
def test_heavy_libraries_stay_where_they_belong(path):
  libraries = {name.split('.')[0] for name in imports(tree_of(path))}
  folder = path.relative_to(PACKAGE).parts[0]
  if folder != 'data':
    assert 'tensorflow_datasets' not in libraries
  if folder in ('configurations', 'faces', 'synthetic', 'data', 'settings.py',
                'errors.py'):
    assert not {'jax', 'flax', 'optax', 'orbax'} & libraries
  assert not {'tensorflow', 'torch', 'pandas', 'polars'} & libraries
  if name_of(path) not in ('experiment/classifier.py', 'evaluation/solvers.py'):
    assert 'sklearn' not in libraries


# Where jax itself makes a program: the door; what `ahead` compiles; inside of others.
COMPILES = {'training/compiled.py': 1, 'training/devices.py': 1,
            'profiling/efficiency.py': 1, 'training/state.py': 1,
            'models/convolution.py': 1, 'meta/inner.py': 1,
            # Which is lowered, and not compiled here.
            'bundle/export.py': 1}


@every_source
def test_programs_are_made_where_slow_compilations_are_no_alarm(path):
  names = [ast.unparse(node) for node in ast.walk(tree_of(path))
           if isinstance(node, ast.Attribute)]
  assert sum(name in ('jax.jit', 'jax.pmap') for name in names) == COMPILES.get(
      name_of(path), 0)


def test_faces_and_synthetic_import_no_jax():
  modules = ', '.join(
      '.'.join(path.relative_to(ROOT).with_suffix('').parts) for path in SOURCES
      if path.relative_to(PACKAGE).parts[0] in ('faces', 'synthetic')
      and path.name != '__init__.py')
  program = (f'import sys, {modules}; '
             'assert not {"jax", "tensorflow_datasets"} & set(sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True, cwd=ROOT)


def test_the_installation_brings_what_is_imported():
  setup = configparser.ConfigParser()
  setup.read(ROOT / 'setup.cfg')
  required = {re.split('[^A-Za-z0-9_-]', line)[0]
              for line in setup['options']['install_requires'].split('\n') if line}
  declared = {MODULES.get(name, name.replace('-', '_')) for name in required}
  files = [*SOURCES, ROOT / 'launch.py', *(ROOT / 'configs').glob('*.py')]
  used = {name.split('.')[0] for path in files
          for name in imports(tree_of(path))}
  # Extras are imported where they are asked for, and what lacks them says so.
  lines = ' '.join(setup['options.extras_require'][name]
                   for name in ('export', 'tensorboard', 'video')).split()
  extra = {MODULES.get(name, name) for name in (
      re.split('[^A-Za-z0-9_-]', line)[0] for line in lines)}
  used -= set(sys.stdlib_module_names) | {'lightman_jax', 'configs'} | extra
  assert used - declared == set()
  assert declared - used == FOR_TFDS


PROGRAMS = [*SOURCES, ROOT / 'launch.py', *sorted((ROOT / 'configs').glob('*.py')),
            *sorted((ROOT / 'benchmarks').rglob('*.py')),
            *sorted((ROOT / 'fuzz').rglob('*.py'))]


@for_every(PROGRAMS)
def test_no_code_comes_out_of_data(path):
  tree = tree_of(path)
  assert not {name.split('.')[0] for name in imports(tree)} & {
      'pickle', 'cPickle', 'marshal', 'shelve', 'dill', 'cloudpickle', 'joblib'}
  for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
    name = ast.unparse(call.func)
    keywords = {part.arg: ast.unparse(part.value) for part in call.keywords}
    assert name not in ('eval', 'exec', 'compile', '__import__', 'os.system',
                        'os.popen', 'yaml.load', 'yaml.unsafe_load', 'torch.load'), name
    assert not name.endswith('read_pickle') and keywords.get('shell') in (None, 'False')
    assert keywords.get('allow_pickle') in (None, 'False')
    if name in ('np.load', 'numpy.load'):
      assert keywords.get('allow_pickle') == 'False', 'says that it loads data only'


# What a pointer in a docstring may begin with beside a module, a class or a parameter.
LIBRARIES = {'KvStore', 'Path', 'ast', 'concurrent', 'config_flags', 'jax', 'jnp',
             'json', 'lax', 'lm', 'nn', 'np', 'optax', 'tfds', 'torch'}


def defined(tree: ast.AST) -> set[str]:
  """Names of a module, and members of its classes as CLASS.NAME."""
  names = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      names.add(node.name)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
      names.add(node.id)
    if isinstance(node, ast.ClassDef):
      for part in node.body:
        name = getattr(part, 'name', None) or getattr(
            getattr(part, 'target', None), 'id', None)
        names |= {f'{node.name}.{name}'} if name else set()
  return names


@pytest.fixture(scope='module')
def places() -> dict[str, set[str]]:
  return {'.'.join(path.relative_to(ROOT).with_suffix('').parts): defined(tree)
          for path, tree in zip(SOURCES, map(tree_of, SOURCES))}


@every_source
def test_docstrings_point_to_what_is_there(path, places):
  """`room.module.name`, of a module, a class, a parameter, a setting or a library."""
  tree, wrong = tree_of(path), []
  parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
  sections = set(defaults.base()) | {'config'}
  for pointer in set(re.findall(r'`([A-Za-z_]+(?:\.[A-Za-z_]+)+)`', path.read_text())):
    first, *rest = pointer.split('.')
    if (first in LIBRARIES | parameters or first in sections and first not in FLOW
        or rest[-1] in ('py', 'json', 'csv', 'md')):
      continue
    cuts = [('.'.join([first, *rest[:n]]), '.'.join(rest[n:]))
            for n in range(len(rest) + 1)]
    if not (any(('.' + name).endswith('.' + module) and (not inside or inside in names)
                for name, names in places.items() for module, inside in cuts)
            or any(pointer in names for names in places.values())
            or first in FLOW and pointer in FLAT):
      wrong.append(pointer)
  assert not wrong


# After a number, the plural of what may be one.
COUNTS = re.compile(r"""\{(?!counted)[^{}"']*\b(len|sum|count_nonzero)\([^{}]*\)\} """
                    r'(micro |training |held-out )?(clips|people|folds|subjects|rows|'
                    r'frames|videos|runs|intervals|files|classes)\b')
# Where there are several in any case.
SEVERAL = {'evaluation/references.py', 'experiment/findings.py',
           'experiment/published_start.py'}


@every_source
def test_counts_are_written_by_the_one_who_can(path):
  """`units.counted`: '1 clip', not '1 clips' and not '1 clip(s)'."""
  text = path.read_text(encoding='utf-8')
  assert not re.search(r'\w\(s\) (of|a|an|and|in|is|are)\b', text)
  assert name_of(path) in SEVERAL or not COUNTS.search(text), COUNTS.search(text)


def test_nothing_is_left_undone():
  words = re.compile('TODO|FIXME|XXX|NotImplementedError|[Ss]implified')
  assert {name_of(path) for path in SOURCES
          if words.search(path.read_text(encoding='utf-8'))} == set()


# What in the package says the name of a part: its table and, of these, what is known of
# them alone. Replicas of data sets have names of their own.
NAMED_IN = {
    'resnet12': {'registry.py'}, 'vit': {'registry.py'}, 'off_apexnet': {'registry.py'},
    # The variant `published` is of that encoder.
    'ststnet': {'registry.py', 'configurations/defaults.py',
                # And a layout of pictures is called by it.
                'inputs/exchange.py', 'experiment/inputs_command.py'},
    'fomaml': {'registry.py'},
    # Its configuration, and what is known of its people and names.
    'dfme': {'registry.py', 'data/datasets/dfme.py', 'configurations/dfme.py',
             'data/people.py'},
    # What peeking would gain is told in it.
    'uar': {'registry.py', 'evaluation/scores.py', 'experiment/oracle.py'},
}


@pytest.mark.parametrize('name', NAMED_IN)
def test_a_part_is_named_in_one_table(name):
  """Whoever adds one writes its file and a line of the table."""
  assert {name_of(path) for path in SOURCES
          if path.relative_to(PACKAGE).parts[0] != 'synthetic'
          and any(isinstance(node, ast.Constant) and node.value == name
                  for node in ast.walk(tree_of(path)))} == NAMED_IN[name]
