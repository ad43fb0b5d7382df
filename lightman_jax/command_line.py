"""What all commands have in common: how they read words, and how they refuse."""

import argparse
from collections.abc import Callable, Sequence
import errno
import functools
import io
import os
import re
import stat
import sys
from typing import NoReturn

from lightman_jax import files
from lightman_jax.errors import InputError, printable, printable_lines
from lightman_jax.options import suggestion

Command = Callable[[list[str]], int]     # words to the exit code


class Parser(argparse.ArgumentParser):
  """One that suggests what looks like a word that is none of its choices."""

  def error(self, message: str) -> NoReturn:
    """Prints how the command is called, and what is wrong; ends the program."""
    if match := _NO_CHOICE.fullmatch(message):
      start, word, choices = match.groups()
      known = [choice.strip(" '") for choice in choices.split(',')]
      message = f'{start}{word} is no choice{suggestion(word[1:-1], known)}'
    elif match := _NO_FLAG.fullmatch(message):
      flags = set(re.findall(r'--[\w-]+', self.format_help()))
      message += suggestion(match[1], sorted(flags), listed=False)
    super().error(message)


_NO_CHOICE = re.compile(r'(.*)invalid choice: (.+) \(choose from (.+)\)', re.DOTALL)
_NO_FLAG = re.compile(r'unrecognized arguments: (--[\w-]+).*', re.DOTALL)


def print_any_letter() -> None:
  """Letters that the terminal, or the file behind it, has no code for are spelt out."""
  # Standard error does so by itself.
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors='backslashreplace')


def print_refusal(error: InputError | OSError, command: str) -> int:
  """Says on the standard error why a command ends; returns its exit code, 2.

  Args:
    error: what cannot be used, or a fault of the disk; both with a code.
    command: its name, which the sentence begins with.
  """
  print(printable_lines(f'{command}: {error.with_code()}')
        if isinstance(error, InputError) else
        printable(f'{command}: {files.explain_fault(error)} [{files.FAULT}]'),
        file=sys.stderr)
  return 2


def refusing(command: str) -> Callable[[Command], Command]:
  """A decorator of a command, which ends with a sentence where it cannot go on.

  Args:
    command: its name, which the sentence begins with.
  """
  def decorate(act: Command) -> Command:
    @functools.wraps(act)
    def carry_out(arguments: list[str]) -> int:
      try:
        return act(arguments)
      except InputError as error:
        return print_refusal(error, command)
      except OSError as error:
        if _is_of_output(error):
          raise
        return print_refusal(error, command)
    return carry_out
  return decorate


def _is_of_output(error: OSError) -> bool:
  """Whether what a command prints could not be: then it cannot be once more."""
  if error.errno == errno.EPIPE or sys.stdout is None:
    return True
  if error.filename is not None or error.errno not in files.FULL:
    return False
  # A file's disk may be full, and a device; a terminal and a pipe have room.
  try:
    number = sys.stdout.fileno()
    of = os.fstat(number)
    return (stat.S_ISCHR(of.st_mode) and not os.isatty(number)
            and not os.path.samestat(of, os.stat(os.devnull))
            or stat.S_ISREG(of.st_mode) and not os.fstatvfs(number).f_bavail)
  except (AttributeError, OSError, ValueError):     # no file, or of Windows
    return False


def joined(arguments: Sequence[str]) -> list[str]:
  """The words, with a setting and its value as one, however they were written.

  Args:
    arguments: of a command that takes settings.
  """
  words: list[str] = []
  for word in arguments:
    before = words[-1] if words else ''
    if before.startswith('--config.') and '=' not in before and not word.startswith(
        '--'):
      words[-1] = f'{before}={word}'
    else:
      words.append(word)
  return words
