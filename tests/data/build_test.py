"""A build is finished or it is not; what was done before it broke is not done again."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from lightman_jax.data import build as stage
from lightman_jax.data.load import load
from lightman_jax.data.store import read_data_set
from lightman_jax.errors import InputError, Reason, Unreadable

# A child that dies without a word: at the given call of the given place.
CHILD = '''
import os, resource, signal, sys
from lightman_jax.data import build, builder
from lightman_jax.data.load import load
manual, home, mode, count = *sys.argv[1:4], int(sys.argv[4])
calls = 0
def die():
  global calls
  calls += 1
  if calls == count:
    os.kill(os.getpid(), signal.SIGKILL)
def progress(stage, done, total):
  if stage == mode:
    die()
real = builder.example
def example(*args):
  if mode == 'tfds':
    die()
  return real(*args)
builder.example = example
if mode == 'full':
  resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
try:
  load({'name': 'casme2', 'frames': 3, 'size': 16, 'manual_dir': manual,
        'data_dir': home}, progress=progress)
except ValueError as error:
  print(error)
'''


def child(*arguments):
  # -B: before 3.13 Python leaves half of a module's compiled file on a full disk, and
  # every process after it fails on importing that module.
  return subprocess.run([sys.executable, '-B', '-c', CHILD, *map(str, arguments)],
                        capture_output=True, text=True, timeout=120)


def everything(folder):
  return sorted(path.name for path in folder.rglob('*'))


def build(plan, home, **options):
  lines = []
  quiet = {'progress': lambda *_: None, 'say': lines.append}
  return stage.build(plan, home, **(quiet | options))[0], lines


def counted(plan, calls):
  def count(item):
    def make():
      calls.append(item.row.clip)
      return item.make()
    return item._replace(make=make)
  return plan._replace(items=tuple(map(count, plan.items)))


def test_a_build_that_is_killed_at_any_stage_ends_like_one_that_is_not(
    replica, tmp_path):
  home = tmp_path / 'home'
  folder = home / 'casme2/casme2_5-2014-cropped-t3-s16'
  for mode, count, left in (('clips', 6, '.clips'), ('tfds', 4, 'incomplete.'),
                            ('check', 3, '1.0.0')):
    done = child(replica, home, mode, count)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert any(path.name.startswith(left) for path in folder.iterdir())
    assert 'build_report.json' not in everything(home)
  settings = {'name': 'casme2', 'frames': 3, 'size': 16, 'manual_dir': str(replica)}
  after = load({**settings, 'data_dir': str(home)}, say=lambda line: None)
  fresh = load({**settings, 'data_dir': str(tmp_path / 'fresh')}, say=lambda line: None)
  assert after.info == fresh.info
  assert (after.clip, after.subject) == (fresh.clip, fresh.subject)
  np.testing.assert_array_equal(after.frames, fresh.frames)
  assert everything(home) == everything(tmp_path / 'fresh')


@pytest.mark.parametrize('limit', [200, 20_000])
def test_a_full_disk_is_one_sentence_and_no_data_set(replica, tmp_path, limit):
  done = child(replica, tmp_path, 'full', limit)
  assert 'cannot be written: File too large; make room' in done.stdout, done.stderr
  assert done.stdout.count('\n') == 1 and 'Traceback' not in done.stderr
  left = everything(tmp_path)
  assert '1.0.0' not in left
  assert not any(name.startswith(('incomplete', '.key')) for name in left)


def test_a_second_build_does_nothing(tiny, tmp_path):
  first, _ = build(tiny, tmp_path)
  calls = []
  second, lines = build(counted(tiny, calls), tmp_path)
  assert first == second and not calls and not lines


def test_an_interrupted_build_goes_on_where_it_stopped(tiny, tmp_path):
  def stop(name, done, total):
    if (name, done) == ('clips', 4):
      raise KeyboardInterrupt
  calls = []
  with pytest.raises(KeyboardInterrupt):
    build(counted(tiny, calls), tmp_path, progress=stop)
  assert len(calls) == 4
  build(counted(tiny, calls), tmp_path)
  assert len(calls) == 6 == len(set(calls))


def test_a_damaged_cache_is_made_again(tiny, tmp_path):
  def stop(name, done, total):
    if (name, done) == ('clips', 4):
      raise KeyboardInterrupt
  with pytest.raises(KeyboardInterrupt):
    build(tiny, tmp_path, progress=stop)
  for path, content in zip(sorted(tmp_path.rglob('*.npz')), [b'', b'PK\x03\x04', b'x']):
    path.write_bytes(content)
  (tmp_path / 'synthetic/tiny/.clips/.half').touch()
  folder, _ = build(tiny, tmp_path)
  np.testing.assert_array_equal(
      read_data_set(folder).frames,
      np.stack([item.make().frames for item in tiny.items])[
          np.argsort([item.row.clip for item in tiny.items])])


def test_a_report_that_is_lost_means_not_finished(tiny, tmp_path):
  folder, _ = build(tiny, tmp_path)
  (folder / 'build_report.json').unlink()
  calls = []
  build(counted(tiny, calls), tmp_path)
  assert len(calls) == 6 and (folder / 'build_report.json').is_file()


def test_another_build_fails_and_the_old_one_stays(tiny, tmp_path):
  folder, _ = build(tiny, tmp_path)

  def broken():
    raise Unreadable(Reason.BROKEN_PICTURE, path='x.png', error='cut short')
  items = (tiny.items[0]._replace(make=broken, evidence=('new',), key='new'),
           *tiny.items[1:])
  with pytest.raises(InputError, match=r"clip 's0/c0': x.png cannot be decoded"):
    build(tiny._replace(items=items), tmp_path)
  assert build(tiny, tmp_path) == (folder, [])


def test_a_built_data_set_is_read_where_nothing_may_be_written(
    tiny, tmp_path, monkeypatch):
  folder, _ = build(tiny, tmp_path)

  def refuse(*_):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))
  monkeypatch.setattr(stage, 'open', refuse, raising=False)
  assert build(tiny, tmp_path)[0] == folder
  with pytest.raises(InputError, match='Read-only file system'):
    build(tiny._replace(config='other'), tmp_path)


@pytest.mark.parametrize('keep, words', [
    (lambda row: row.subject == 's0', "one subject only, 's0'"),
    (lambda row: row.emotion == 'a', "no clip of the class 'b'"),
    (lambda row: False, 'no usable clip')])
def test_too_little_is_refused_before_anything_is_written(tiny, tmp_path, keep, words):
  items = tuple(item for item in tiny.items if keep(item.row))
  with pytest.raises(InputError, match=words):
    build(tiny._replace(items=items), tmp_path)
  assert not everything(tmp_path)


def test_macro_clips_do_not_stand_in_for_a_class(tiny, tmp_path):
  items = tuple(item._replace(row=item.row._replace(kind='macro'))
                if item.row.emotion == 'b' else item for item in tiny.items)
  with pytest.raises(InputError, match="'b'"):
    build(tiny._replace(items=items), tmp_path)


def test_the_digest_sees_rows_labels_and_evidence_but_no_order(tiny):
  first, *rest = tiny.items
  assert tiny._replace(items=(*rest, first)).digest == tiny.digest
  changed = [first._replace(label=1), first._replace(evidence=('x',)),
             first._replace(row=first.row._replace(apex=1)),
             first._replace(row=first.row._replace(subject='s9'))]
  digests = {tiny._replace(items=(item, *rest)).digest for item in changed}
  assert len(digests | {tiny.digest}) == 5
