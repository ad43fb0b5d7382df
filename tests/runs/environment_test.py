"""The environment names everything that a number may depend on."""

import configparser
import json
import pathlib
import re
import subprocess
import sys

import pytest

from lightman_jax.runs import environment as env

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_entries():
  entries = env.environment(data_sha256='da7a', layout={'folds_at_once': 8})
  assert entries['data_sha256'] == 'da7a'
  assert entries['packages']['jax'] and entries['packages']['numpy']
  assert entries['devices']['count'] >= 1 and entries['devices']['folds_at_once'] == 8
  assert re.fullmatch('[0-9a-f]{64}', entries['code_sha256'])
  assert json.loads(json.dumps(entries)) == entries


def test_every_dependency_is_recorded():
  path = ROOT / 'setup.cfg'
  if not path.exists():
    pytest.skip('an installed package has no setup.cfg')
  setup = configparser.ConfigParser()
  setup.read(path)
  required = re.findall(r'^[A-Za-z0-9_.-]+', setup['options']['install_requires'], re.M)
  plain = {name.lower().replace('_', '-') for name in env.PACKAGES}
  assert {name.lower().replace('_', '-') for name in required} <= plain


def test_run_folder_does_not_start_jax():
  code = ('import sys; from lightman_jax.report import table; '
          'from lightman_jax.runs import folder, results, progress; '
          'print("jax" in sys.modules)')
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                        cwd=ROOT, check=True)
  assert done.stdout == 'False\n'
