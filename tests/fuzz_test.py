"""Every reader meets its corpus: what fuzzing found, and what it began with."""

import pathlib
import subprocess
import sys

import pytest

FUZZ = pathlib.Path(__file__).resolve().parents[1] / 'fuzz'
NAMES = sorted(path.name for path in (FUZZ / 'corpus').iterdir())


@pytest.fixture(scope='module')
def fuzz():
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(FUZZ)
    import harnesses
    import run
    yield harnesses, run
  for name in ('harnesses', 'run'):
    sys.modules.pop(name, None)


def test_every_harness_has_a_corpus_and_it_is_small(fuzz):
  assert NAMES == sorted(fuzz[0].HARNESSES)
  files = [path for path in (FUZZ / 'corpus').rglob('*') if path.is_file()]
  assert sum(path.stat().st_size for path in files) <= 200_000


@pytest.mark.parametrize('name', NAMES)
def test_readers_survive_their_corpus(name, fuzz):
  harnesses, run = fuzz
  for path in sorted((FUZZ / 'corpus' / name).iterdir()):
    run.once(harnesses.HARNESSES[name], path.read_bytes())


def test_what_a_harness_does_not_allow_is_a_finding(fuzz, tmp_path, monkeypatch):
  harnesses, run = fuzz
  (tmp_path / 'x').write_bytes(b'clip,subject,label,path\na,b,c,d\n')
  monkeypatch.setattr(harnesses.manifest, 'read_manifest', lambda path: 1 // 0)
  with pytest.raises(ZeroDivisionError):
    run.once(harnesses.manifests, (tmp_path / 'x').read_bytes())


def test_a_mutated_run_is_still_a_run_of_files(fuzz):
  import random
  harnesses, run = fuzz
  content = max((FUZZ / 'corpus' / 'run_folders').iterdir(),
                key=lambda path: path.stat().st_size).read_bytes()
  others = {run.mutated(content, random.Random(seed)) for seed in range(20)}
  assert len(others) > 10 and content not in others
  for other in others:
    assert len(harnesses.divided(other)) >= len(harnesses.divided(content)) - 1


def test_the_command_names_what_it_does_not_know():
  done = subprocess.run([sys.executable, FUZZ / 'run.py', 'nothing'],
                        capture_output=True, text=True)
  assert done.returncode == 2 and "no harness 'nothing'" in done.stderr
