"""python -m lightman_jax COMMAND: each command lives with its stage."""

import importlib
import sys

from lightman_jax import machine, places

COMMANDS = {
    'build': 'lightman_jax.clips.commands',
    'doctor': 'lightman_jax.clips.doctor.command',
    'fetch': 'lightman_jax.geometry.fetch',
    'replay': 'lightman_jax.run.replay',
    'replica': 'lightman_jax.clips.replicas.command',
    'report': 'lightman_jax.report.page.command',
    'spot': 'lightman_jax.clips.spot_command',
    'verify': 'lightman_jax.run.verify',
}


def main(arguments: list[str]) -> int:
  """Runs a command; returns the exit code."""
  if not arguments or arguments[0] not in COMMANDS:
    print('usage: python -m lightman_jax COMMAND ..., where COMMAND is one of '
          f'{", ".join(COMMANDS)}; COMMAND --help tells more.', file=sys.stderr)
    return 2
  name = arguments[0]
  machine.check(name)
  places.use_home(lambda line: print(line, file=sys.stderr, flush=True))
  return getattr(importlib.import_module(COMMANDS[name]), name)(arguments[1:])


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
