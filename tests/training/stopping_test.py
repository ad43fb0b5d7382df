"""SIGTERM is answered in time, whatever the process is doing."""

import subprocess
import sys

import pytest

START = '''
import hashlib, os, signal, threading, time
from lightman_jax.training import stopping
stopping.watch({grace})
threading.Timer(.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
try:
{body}
except stopping.Stopped:
  print('stopped', stopping.asked(), flush=True)
'''

# In C, and other threads may run: as jax computes.
COMPUTING = '  hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)'

BODIES = {
    # What does nothing that must be saved is left at once.
    'waiting': ('20', '  time.sleep(60)', 0, 'stopped True\n'),
    # What must is left when it says so.
    'saving': ('20', '''
  with stopping.deferred():
    while not stopping.asked(): time.sleep(.01)
    time.sleep(.3)
    print('saved', flush=True)
    raise stopping.Stopped
''', 0, 'saved\nstopped True\n'),
    # Not after the grace period, and not even a computation keeps it.
    'too long': ('.2', '''
  with stopping.deferred():
    while True: time.sleep(60)
''', 143, ''),
    'computing': ('.2', COMPUTING, 143, ''),
}


@pytest.mark.parametrize('case', BODIES)
def test_sigterm(case):
  grace, body, code, out = BODIES[case]
  done = subprocess.run([sys.executable, '-c', START.format(grace=grace, body=body)],
                        capture_output=True, text=True, timeout=50)
  assert (done.returncode, done.stdout) == (code, out), done.stderr
  assert ('grace period' in done.stderr) == bool(code)


LOST = '''
import os, signal, time, weakref
from lightman_jax.training import stopping
signal.signal(signal.SIGINT, signal.default_int_handler)
stopping.watch()
class Thing: pass
thing = Thing()
reference = weakref.ref(thing, lambda _: (os.kill(os.getpid(), signal.SIGINT),
                                          time.sleep(1)))
stopping.check_interrupt()
del thing
print('it was lost', flush=True)
try:
  stopping.check_interrupt()
except KeyboardInterrupt:
  print('and is raised again')
'''


def test_an_interrupt_that_python_drops_is_not_forgotten():
  done = subprocess.run([sys.executable, '-c', LOST], capture_output=True, text=True)
  assert done.stdout == 'it was lost\nand is raised again\n', done.stderr
  assert not done.stderr, 'nobody need see where it was lost'
