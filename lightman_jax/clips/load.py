"""From the settings of a data set to its clips in memory; built on first use."""

from collections.abc import Callable
import sys
from typing import Any

from lightman_jax.clips.build import Progress, build, finished
from lightman_jax.clips.choice import TABLES, Choice, choose
from lightman_jax.clips.clipset import ClipSet
from lightman_jax.clips.plan import Plan
from lightman_jax.clips.read import read
from lightman_jax.clips.sources import Missing, ready
from lightman_jax.errors import InputError


def load(
    data: Any, *, progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
) -> ClipSet:
  """Loads a data set, building it where it is not there or its files have changed.

  Where the files that it was built from are gone, a finished build is used as it is.

  Args:
    data: `config.data`: an object or mapping with the attributes of `choice.Choice`.
    progress: called with a stage ('clips', 'write', 'load'), how much of it is done,
      and of how much.
    say: called with a line for the person who waits.

  Raises:
    InputError: one sentence that names what is wrong with the input.
  """
  choice = choose(data)
  progress = progress or (lambda stage, done, total: None)
  try:
    folder = build(plan(choice), choice.home, progress=progress, say=say)
  except Missing:
    folder = ready(choice)
    if folder is None:
      raise
  clips = read(folder, progress=progress)
  if clips.info['sha256'] != finished(folder)['sha256']:
    raise InputError(f'{folder} is damaged: its content is not what was built; remove '
                     'that folder and repeat the command.')
  return clips


def plan(choice: Choice) -> Plan:
  """Plans the build of a data set, whichever it is."""
  if choice.name in TABLES:
    from lightman_jax.clips import trees
    return trees.plan(choice)
  if choice.name == 'manifest':
    from lightman_jax.clips import manifest
    return manifest.plan(choice)
  from lightman_jax.clips import synthetic
  return synthetic.plan(choice)
