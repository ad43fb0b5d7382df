"""python -m lightman_jax info: prints what a report of a fault needs to say."""

from collections.abc import Sequence
import json

from lightman_jax.command_line import Parser
from lightman_jax.runs import info as facts_of_machine


def info(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax info',
      description='Tells versions, devices, flags, and the folders that this program '
                  'keeps: paste it into a report of a fault.')
  parser.add_argument('--json', action='store_true', help='all of it, as JSON')
  parsed = parser.parse_args(arguments)
  facts = facts_of_machine.info()
  print(json.dumps(facts, indent=2) if parsed.json else
        '\n'.join(facts_of_machine.describe(facts)))
  return 0
