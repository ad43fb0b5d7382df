"""What pip installs is whole: its files, its version, and a run without a checkout."""

import ast
import configparser
import fnmatch
import importlib
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import pytest

import lightman_jax
from lightman_jax import renamed

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'lightman_jax'


def setup() -> configparser.ConfigParser:
  parser = configparser.ConfigParser()
  parser.read(ROOT / 'setup.cfg')
  return parser


def test_every_file_of_the_package_is_in_the_wheel():
  patterns = {}
  for package, text in setup()['options.package_data'].items():
    patterns[package] = [part.strip() for part in text.split(',')]
  left_out = []
  for path in PACKAGE.rglob('*'):
    if path.is_dir() or path.suffix in ('.py', '.pyc'):
      continue
    packages = [parent for parent in path.parents
                if parent.is_relative_to(PACKAGE) and (parent / '__init__.py').exists()]
    names = {'.'.join(parent.relative_to(ROOT).parts): str(path.relative_to(parent))
             for parent in packages}
    if not any(fnmatch.fnmatch(rest, pattern) for name, rest in names.items()
               for pattern in [*patterns['*'], *patterns.get(name, [])]):
      left_out.append(str(path.relative_to(ROOT)))
  assert left_out == []
  assert (PACKAGE / 'py.typed').is_file()


def test_every_folder_with_sources_is_a_package():
  assert all((path.parent / '__init__.py').is_file() for path in PACKAGE.rglob('*.py'))


def test_a_folder_of_its_name_does_not_hide_it(tmp_path):
  """Whoever works beside the checkout has such a folder there."""
  (tmp_path / 'lightman_jax' / 'configs').mkdir(parents=True)
  done = subprocess.run(
      [sys.executable, '-c', 'import lightman_jax; print(lightman_jax.__version__)'],
      cwd=tmp_path, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr


def test_one_version():
  tree = ast.parse((PACKAGE / '__init__.py').read_text(encoding='utf-8'))
  stated = [node.value.value for node in tree.body if isinstance(node, ast.Assign)
            and getattr(node.targets[0], 'id', '') == '__version__']
  assert stated == [lightman_jax.__version__]
  assert f'\nversion: {stated[0]}\n' in (ROOT / 'CITATION.cff').read_text()
  changes = (ROOT / 'CHANGELOG.md').read_text().split('\n## ')
  assert re.match(rf'\[{re.escape(stated[0])}\] - \d{{4}}-\d\d-\d\d\n', changes[1])
  kinds = {'Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'}
  assert kinds & set(re.findall(r'^### (.*)$', changes[1], re.M))


def test_the_locks_hold_what_setup_asks_for():
  required = dict(re.fullmatch(r'([\w.-]+)>=(.+)', line).groups() for line in
                  setup()['options']['install_requires'].split('\n') if line)
  for lock in ('cpu', 'cuda'):
    text = (ROOT / 'locks' / f'{lock}.txt').read_text()
    pinned = re.findall(r'^([\w.-]+)(?:\[\w+\])?==(\S+)', text, re.M)
    for name, least in required.items():
      key = re.sub('[-_.]+', '-', name).lower()
      found_versions = [version for other, version in pinned if other == key]
      numbers = lambda version: tuple(map(int, re.findall(r'\d+', version)[:3]))
      assert found_versions, name
      assert min(map(numbers, found_versions)) >= numbers(least), name
    assert ('nvidia-cudnn' in text) == (lock == 'cuda')
    # A file that was changed on the way is refused.
    assert text.count('--hash=sha256:') > len(pinned)


def test_the_image_copies_what_is_there():
  text = (ROOT / 'Dockerfile').read_text()
  sources = [word for line in re.findall(r'^COPY (.*)$', text, re.M)
             for word in line.split()[:-1]]
  assert sources and all((ROOT / word).exists() for word in sources)
  let_in = set(re.findall(r'^!(.*)$', (ROOT / '.dockerignore').read_text(), re.M))
  assert {word.rstrip('/') for word in sources} == let_in


def test_two_files_and_each_its_own_job():
  """setup.cfg: what the package is, and its tests; pyproject.toml: build and checks."""
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  assert set(project) == {'build-system', 'tool'}
  assert set(project['tool']) == {'ruff', 'pyright'}
  assert {'metadata', 'options', 'tool:pytest'} <= set(setup().sections())


def test_the_image_for_apptainer_is_that_of_the_dockerfile():
  docker, apptainer = ((ROOT / name).read_text()
                       for name in ('Dockerfile', 'jobs/apptainer.def'))
  base, = re.findall(r'^FROM (\S+)', docker, re.M)
  assert f'From: {base}\n' in apptainer
  copied = {name.rstrip('/') for line in re.findall(r'^COPY (.*) \S+$', docker, re.M)
            for name in line.split()}
  assert copied == set(re.findall(r'^    (\S+) /app/\S+$', apptainer, re.M))
  steps = lambda text: [re.sub(r'\$\{LOCK\}|\{\{ LOCK \}\}', 'LOCK', step)
                        for step in re.findall('pip install.*', text)]
  assert steps(docker) == steps(apptainer)


def test_what_ci_calls_is_there():
  workflows = [path.read_text() for path in (ROOT / '.github/workflows').glob('*.yml')]
  assert any('.ci/run' in text for text in workflows)
  assert os.access(ROOT / '.ci/run', os.X_OK)
  lint = setup()['options.extras_require']['lint']
  for program in ('ruff', 'check-jsonschema', 'hadolint', 'kubernetes-validate'):
    assert program in lint and program in (ROOT / '.ci/run').read_text()


def build_packages(folder: pathlib.Path) -> None:
  """As `python -m build` does: an sdist of the checkout, and a wheel of the sdist."""
  subprocess.run([sys.executable, '-m', 'build', f'--outdir={folder}', str(ROOT)],
                 check=True, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_sdist_holds_the_package_and_its_licence(tmp_path):
  build_packages(tmp_path)
  sdist, = tmp_path.glob('lightman_jax-*.tar.gz')
  with tarfile.open(sdist) as file:
    names = {name.partition('/')[2] for name in file.getnames()}
  sources = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob('*')
             if path.is_file() and path.suffix != '.pyc'}
  assert sources | {'LICENSE', 'NOTICE', 'README.md', 'setup.cfg',
                    'pyproject.toml'} <= names
  # What is in neither is of no use where nobody has the checkout.
  with zipfile.ZipFile(next(tmp_path.glob('*.whl'))) as file:
    assert sources <= set(file.namelist())


@pytest.mark.slow
def test_the_wheel_out_of_the_sdist_trains_in_an_empty_folder(tmp_path):
  pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
  build_packages(tmp_path)
  wheel, = tmp_path.glob('lightman_jax-*.whl')
  subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / 'venv'],
                 check=True)
  python = tmp_path / 'venv' / 'bin' / 'python'
  site = pathlib.Path(subprocess.run(
      [python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'],
      check=True, capture_output=True, text=True).stdout.strip())
  # Its own lightman_jax goes before that of this environment.
  subprocess.run([*pip, 'install', '--no-deps', f'--target={site}', str(wheel)],
                 check=True)
  # All that this environment has, which may itself stand on another.
  (site / 'base.pth').write_text('\n'.join(
      path for path in sys.path if path.endswith('-packages')))
  empty = tmp_path / 'empty'
  empty.mkdir()
  environment = {**os.environ, 'XDG_CACHE_HOME': str(tmp_path / 'cache'),
                 'TFDS_DATA_DIR': str(tmp_path / 'data')}
  environment.pop('PYTHONPATH', None)
  run = lambda *words: subprocess.run([python, *words], cwd=empty, env=environment,
                                      check=True, capture_output=True, text=True)
  where = run('-c', 'import lightman_jax; print(lightman_jax.__file__)').stdout
  assert where.startswith(str(site))
  tiny = ('--config=synthetic:debug', '--config.data.size=16', '--config.data.frames=3',
          '--config.data.synthetic.subjects=3', '--config.data.synthetic.micro=6',
          '--config.data.synthetic.macro=2')
  run('-m', 'lightman_jax', 'train', *tiny, '--workdir=run')
  assert json.loads((empty / 'run/results.json').read_text())['about']['clips'] == 18
  record = json.loads((empty / 'run/reproducibility.json').read_text())
  assert record['command'] == ['-m', 'lightman_jax', 'train', *tiny]
  # Runs of a sweep are processes that are started in the same way.
  swept = run('-m', 'lightman_jax', 'train', *tiny, '--sweep=methods:protonet',
              '--workdir=sweep').stdout
  assert '1 of 1 run is finished' in swept
  assert sorted(path.name for path in empty.iterdir()) == ['run', 'sweep']
  assert f'lightman_jax {lightman_jax.__version__}' in run(
      '-m', 'lightman_jax', 'info').stdout


@pytest.mark.parametrize('old', renamed.MODULES)
def test_an_old_name_says_the_new_one(old):
  new = f'lightman_jax.{renamed.MODULES[old]}'
  assert importlib.util.find_spec(new) is not None
  with pytest.raises(ModuleNotFoundError, match=re.escape(f' is now {new}; ')):
    importlib.import_module(f'lightman_jax.{old}')
  with pytest.raises(ModuleNotFoundError, match='No module'):
    importlib.import_module('lightman_jax.no_such_module')
