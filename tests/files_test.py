"""Files appear whole or not at all, and what a killed writer left goes."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from lightman_jax import errors, files
from lightman_jax.data import frames, user_tables
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.video import tables


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_a_refusal_does_not_repeat_what_nobody_reads():
  long = '/'.join(['folder'] * 800)
  text = str(errors.InputError(f'{long!r} is not there; give {"a word " * 20}'))
  assert len(text) < 700 and text.startswith("'folder/folder")
  assert text.endswith('a word ') and ' characters ...]' in text
  assert len(str(errors.InputError('a b ' * 10**6))) < 25_000
  usual = f'/{"x" * 300}/y: ' + 'a word ' * 100
  assert str(errors.InputError(usual)) == usual


@pytest.mark.parametrize('content, words', [
    (None, 'it is a folder'),
    (b'\0\xff\xfe', 'it holds no text in UTF-8, from byte 1')])
def test_what_is_no_table_of_text_says_so(tmp_path, content, words):
  path = tmp_path / 'x.csv'
  path.mkdir() if content is None else path.write_bytes(content)
  with pytest.raises(errors.InputError) as refused:
    list(tables.read_table(path, ['frame'], 'a table of landmarks'))
  text = str(refused.value)
  assert text.startswith(f'{path} cannot be read as a table ({words}')
  assert text.endswith('; give a table of landmarks as a csv in UTF-8')
  assert 'Errno' not in text and 'codec' not in text


def test_a_device_is_no_file_and_is_there():
  with pytest.raises(errors.Unreadable, match='^/dev/null is not a file'):
    frames.check_container('/dev/null')
  with pytest.raises(errors.InputError, match='^/dev/null is no file; a csv'):
    user_tables.find_table_file('/dev/null', 'a csv')


def test_a_writer_at_work_is_let_be(tmp_path):
  (tmp_path / '.a.txt.dead').write_text('half')
  with write_atomically(tmp_path / 'a.txt') as file:
    file.write('whole')
    remove_leftovers(tmp_path, '.a.txt.*')
    assert len(names(tmp_path)) == 1 and names(tmp_path) != ['.a.txt.dead']
  assert names(tmp_path) == ['a.txt']
  assert (tmp_path / 'a.txt').read_text() == 'whole'


def test_a_folder_that_cannot_be_written_to_has_a_way_out():
  for number in (errno.EROFS, errno.EACCES, errno.EEXIST, errno.ENOTDIR):
    error = OSError(number, os.strerror(number), 'runs')
    assert files.explain_fault(error) == (
        f'{os.strerror(number)} at runs; name another folder: --workdir of a run, '
        '--out of other commands, TFDS_DATA_DIR of data sets')
  assert files.explain_fault(OSError(errno.EIO, 'an error', 'x')) == 'an error at x'


def test_an_error_leaves_what_was_there(tmp_path):
  (tmp_path / 'a.txt').write_text('before')
  with pytest.raises(KeyboardInterrupt), write_atomically(tmp_path / 'a.txt') as file:
    file.write('half')
    raise KeyboardInterrupt
  assert names(tmp_path) == ['a.txt']
  assert (tmp_path / 'a.txt').read_text() == 'before'


def test_where_nothing_can_be_locked_nothing_is_swept(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(95, 'not supported')
  monkeypatch.setattr(fcntl, 'flock', refuse)
  with write_atomically(tmp_path / 'a.txt') as file:
    file.write('whole')
  (tmp_path / '.a.txt.dead').write_text('half')
  remove_leftovers(tmp_path, '.a.txt.*')
  assert names(tmp_path) == ['.a.txt.dead', 'a.txt']


def test_too_few_open_files_are_said_before_work():
  script = ('import resource; from lightman_jax import files; '
            'resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0})); '
            'files.check_open_files()')
  ends = [subprocess.run([sys.executable, '-c', script.format(most)], text=True,
                         capture_output=True) for most in (files.FEWEST, 63)]
  assert [end.returncode for end in ends] == [0, 1]
  assert 'may have 63 files open' in ends[1].stderr.splitlines()[-1]


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:50 / {home}/nfs rw,noatime - nfs4 server:/x rw,vers=4.2,local_lock=none
41 22 0:51 / {home}/nolock rw shared:3 - nfs server:/x rw,nolock,local_lock=all
42 22 0:52 / {home}/lustre\\040two rw - lustre x@tcp:/y rw,localflock
43 22 0:53 / {home}/flock rw - lustre x@tcp:/y rw,flock
44 22 0:54 / {home}/ssh rw - fuse.sshfs me@x: rw,user_id=0
45 41 8:2 / {home}/nolock/disk rw - ext4 /dev/sdb1 rw
"""


@pytest.mark.parametrize('folder, words', [
    ('nfs', ''), ('nolock', 'nolock is nfs nolock, where a lock holds on this host'),
    ('nolock/disk', ''), ('nolock/disk2', 'nfs nolock'), ('flock', ''),
    ('lustre two', 'lustre two is lustre localflock'), ('ssh', 'is fuse.sshfs, where')])
def test_a_lock_that_holds_on_one_host_only_is_known_by_its_mount(
    tmp_path, folder, words):
  (tmp_path / folder).mkdir(parents=True)
  (tmp_path / 'mounts').write_text(MOUNTS.format(home=tmp_path))
  with open(tmp_path / folder / 'x.lock', 'w') as file:
    files.lock(file)
    said = files.lock_limits(file.name, tmp_path / 'mounts')
  assert words in said and bool(said) == bool(words)


def test_a_lock_that_does_nothing_is_known_by_trying(tmp_path, monkeypatch):
  with open(tmp_path / 'x.lock', 'w') as file:
    files.lock(file)
    assert files.lock_limits(file.name) == ''      # this machine's own disk
    assert files.lock_limits(file.name, tmp_path / 'none') == ''
    monkeypatch.setattr(fcntl, 'flock', lambda *args: None)
    assert 'a second lock' in files.lock_limits(file.name)


@pytest.mark.parametrize('there', [False, True])
def test_a_folder_is_filled_or_left_as_it_was(tmp_path, there):
  folder = tmp_path / 'a' / 'b'
  if there:
    folder.mkdir(parents=True)
  with pytest.raises(OSError) as raised, files.all_or_nothing(folder):
    (folder / 'deep').mkdir()
    (folder / 'deep' / 'half').write_text('half')
    raise OSError(errno.ENOSPC, 'No space left on device')
  assert raised.value.filename == str(folder)
  assert [*tmp_path.rglob('*')] == ([tmp_path / 'a', folder] if there else [])
  with files.all_or_nothing(folder):
    (folder / 'whole').write_text('whole')
  assert (folder / 'whole').exists()
