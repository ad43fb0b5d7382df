"""Signals are answered in time, whatever the process is doing."""

import signal
import subprocess
import sys

import pytest

START = '''
import hashlib, os, signal, threading, time
from lightman_jax.training import stopping
# A shell's background, and nohup, have them ignored by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
{before}
stopping.watch({grace})
def send(number, after=.5):
  threading.Timer(after, os.kill, (os.getpid(), number)).start()
send(signal.{name})
try:
{body}
except (stopping.Stopped, KeyboardInterrupt) as stopped:
  print('stopped', getattr(stopped, 'code', 130), stopping.is_stop_requested(),
        flush=True)
'''

# In C, and other threads may run: as jax computes.
COMPUTING = '  hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)'

BODIES = {
    # What does nothing that must be saved is left at once.
    'waiting': ('20', '  time.sleep(60)', 0, 'stopped 143 True\n'),
    # What must is left when it says so.
    'saving': ('20', '''
  with stopping.deferred():
    while not stopping.is_stop_requested(): time.sleep(.01)
    time.sleep(.3)
    print('saved', flush=True)
    stopping.check()
''', 0, 'saved\nstopped 143 True\n'),
    # Not after the grace period, and not even a computation keeps it.
    'too long': ('.2', '''
  with stopping.deferred():
    while True: time.sleep(60)
''', 143, ''),
    'computing': ('.2', COMPUTING, 143, ''),
}




def run(body, *, grace='20', before='', name='SIGTERM'):
  code = START.format(grace=grace, body=body, before=before, name=name)
  return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                        timeout=50)


@pytest.mark.parametrize('case', BODIES)
def test_sigterm(case):
  grace, body, code, out = BODIES[case]
  done = run(body, grace=grace)
  assert (done.returncode, done.stdout) == (code, out), done.stderr
  assert ('grace period' in done.stderr) == bool(code)


@pytest.mark.parametrize('name', ['SIGUSR1', 'SIGHUP', 'SIGINT'])
@pytest.mark.parametrize('case', ['waiting', 'saving', 'computing'])
def test_others_are_as_sigterm(case, name):
  grace, body, code, out = BODIES[case]
  own = 128 + getattr(signal, name)
  done = run(body, grace=grace, name=name)
  assert (done.returncode, done.stdout) == (code and own, out.replace('143', str(own)))
  assert ('stopped by ' + name.replace('SIGINT', 'Ctrl-C') in done.stderr) == bool(code)


@pytest.mark.parametrize('before, fresh, goes_on', [
    ('', False, 'no step was saved yet; the same command begins anew'),
    ('', True, 'no step was saved yet; the same command begins anew'),
    ('stopping.note_saved(); ', True,
     'the same command without --fresh goes on from here'),
    ('stopping.note_saved(); ', False, 'the same command goes on from here')])
def test_what_has_nothing_to_save_is_not_waited_for(before, fresh, goes_on):
  """Such as a compilation, inside of a training that saves."""
  body = """
  with stopping.deferred(), stopping.nothing_to_save():
  """ + COMPUTING
  done = run(body, before=f'{before}stopping.LINGER = .2',
             grace=f'20, fresh={fresh}')
  assert done.returncode == 143 and not done.stdout, done.stderr
  assert done.stderr == f'launch.py: stopped by SIGTERM; {goes_on}\n'


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGUSR1', 'SIGHUP', 'SIGINT'])
def test_what_was_ignored_stays_ignored(name):
  """As nohup, and a shell that starts a job in the background, leave it."""
  done = run('  time.sleep(1.5)\n  print("done")', name=name,
             before=f'signal.signal(signal.{name}, signal.SIG_IGN)')
  assert (done.returncode, done.stdout, done.stderr) == (0, 'done\n', '')


def test_a_second_ctrl_c_ends_at_once():
  body = """
  send(signal.SIGINT, 2.5)
  with stopping.deferred():
    while True: time.sleep(.1)
"""
  done = run(body, before='stopping.AGAIN = .5', name='SIGINT')
  assert done.returncode == 130 and 'Ctrl-C came twice' in done.stderr, done


LOST = '''
import os, signal, time, weakref
from lightman_jax.training import stopping
signal.signal(signal.SIGINT, signal.default_int_handler)
stopping.watch()
class Thing: pass
thing = Thing()
reference = weakref.ref(thing, lambda _: (os.kill(os.getpid(), signal.SIGINT),
                                          time.sleep(1)))
stopping.check()
del thing
print('it was lost', flush=True)
try:
  stopping.check()
except KeyboardInterrupt:
  print('and is raised again')
'''


def test_an_interrupt_that_python_drops_is_not_forgotten():
  done = subprocess.run([sys.executable, '-c', LOST], capture_output=True, text=True)
  assert done.stdout == 'it was lost\nand is raised again\n', done.stderr
  assert not done.stderr, 'nobody need see where it was lost'
