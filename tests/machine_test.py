"""Machines that are refused: one sentence, and nothing is imported before it."""

import pathlib
import subprocess
import sys

import pytest

from lightman_jax import machine

ROOT = pathlib.Path(machine.__file__).parents[1]
# What the other system says of itself, and lacks.
PRETENDED = """
import platform, runpy, sys
platform.system, platform.machine = lambda: {system!r}, lambda: {processor!r}
for name in ('fcntl', 'resource', 'pwd', 'jax', 'absl', 'array_record', 'numpy'):
  sys.modules[name] = None
sys.argv = {arguments!r}
sys.path.insert(0, '.')
{start}
"""
STARTS = {'launch.py': "runpy.run_path('launch.py', run_name='__main__')",
          'doctor': "runpy.run_module('lightman_jax', run_name='__main__')"}


@pytest.mark.parametrize('system, processor, words', [
    ('Windows', 'AMD64', ['WSL']), ('Darwin', 'x86_64', ['Intel', 'arm64'])])
@pytest.mark.parametrize('program', STARTS)
def test_refused_in_one_sentence(program, system, processor, words):
  code = PRETENDED.format(system=system, processor=processor, start=STARTS[program],
                          arguments=[program, 'doctor', '.'])
  done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True,
                        capture_output=True, timeout=60)
  assert done.returncode == 2 and done.stdout == ''
  assert done.stderr.count('\n') == 1 and done.stderr.startswith(f'{program}: ')
  assert all(word in done.stderr for word in words)


@pytest.mark.parametrize('system, processor', [
    ('Linux', 'x86_64'), ('Linux', 'aarch64'), ('Darwin', 'arm64')])
def test_not_refused(monkeypatch, system, processor):
  monkeypatch.setattr(machine.platform, 'system', lambda: system)
  monkeypatch.setattr(machine.platform, 'machine', lambda: processor)
  assert machine.refusal() == ''


def test_what_only_predicts_is_not_refused_on_windows(monkeypatch):
  monkeypatch.setattr(machine.platform, 'system', lambda: 'Windows')
  monkeypatch.setattr(machine.platform, 'machine', lambda: 'AMD64')
  assert machine.refusal('predict') == '' and 'WSL' in machine.refusal('train')
