"""A long run does not grow; benchmarks/long_run.py is the longer version."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_neither_memory_nor_threads_nor_files_grow():
  ended = subprocess.run(
      [sys.executable, ROOT / 'benchmarks' / 'long_run.py', '--chunks=100'],
      capture_output=True, text=True, cwd=ROOT)
  assert ended.returncode == 0, ended.stdout + ended.stderr
  assert 'from 50 to 100 chunks' in ended.stdout
