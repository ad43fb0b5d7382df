"""Machines on which this program cannot run, and what it is called.

Refused before an import fails on them.

Standard library alone: what else is imported may not be there.
"""

import platform
import sys

LAUNCH = 'launch.py'
TRAIN = 'train'       # the command that trains, without a checkout's launch.py
# Commands that need neither array_record nor locks on files.
ANYWHERE = ('fetch', 'info', 'predict')


def program() -> str:
  """Returns what the program that trains is called: 'launch.py', or 'train'."""
  return TRAIN if sys.argv[:1] == [TRAIN] else LAUNCH


def sentence_of(line: str) -> str:
  """Returns what the program that trains said in a line, without its own name."""
  for name in (LAUNCH, TRAIN):
    line = line.removeprefix(f'{name}: ')
  return line


def refusal(program: str = '') -> str:
  """Why this machine is refused, in one sentence; '' where it is not.

  Args:
    program: a command; some run where others do not.
  """
  system, processor = platform.system(), platform.machine().lower()
  if system == 'Windows' and program not in ANYWHERE:
    return ('this program does not train on Windows itself, for which array_record and '
            'file locks are missing: install WSL (wsl --install), and give the same '
            'command in its Linux')
  if system == 'Darwin' and processor in ('x86_64', 'i386'):
    return ('jax has no package for this Python, which is built for Intel Macs: use a '
            'Mac with an M processor and a Python built for arm64, or Linux')
  return ''


def check(program: str) -> None:
  """Ends the program with status 2 and one sentence where it cannot run."""
  if sentence := refusal(program):
    print(f'{program}: {sentence}', file=sys.stderr)
    sys.exit(2)
