"""python -m lightman_jax info: what a report of a fault needs."""

import argparse
from collections.abc import Sequence
import json

from lightman_jax.runs import info as information


def info(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  argparse.ArgumentParser(
      prog='python -m lightman_jax info',
      description='Prints versions, devices, flags and the folders of caches as JSON: '
      'what a report of a fault needs.').parse_args(arguments)
  print(json.dumps(information.info(), indent=2, ensure_ascii=False))
  return 0
