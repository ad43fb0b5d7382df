"""The task in which training met a value that is not finite: kept, and redone slowly.

    python launch.py --config=... --replay
    python -m lightman_jax replay RUN

The run folder keeps fault.json (fold, step, task, clips, tensors, checkpoint, settings)
and fault.npz (the parameters before that step, and the task): plain data, enough to
redo the task without the data set.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import functools
import os
import pathlib
from typing import Any

from flax.errors import FlaxError
import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax import bounded, places, registry, sections, settings
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.experiment.assembly import Material, make_learner, make_net
from lightman_jax.files import write_atomically
from lightman_jax.runs.folder import RunFolder, write_json
from lightman_jax.tasks.sampling import Examples, Task
from lightman_jax.training import fault as faults, numerics
from lightman_jax.training.devices import open_devices
from lightman_jax.training.fault import Fault
from lightman_jax.training.finite import ADVICE, NotFinite, by_path, join_names
from lightman_jax.training.state import Recipe

SHOWN = 12      # layers, up to where the value arises


@contextlib.contextmanager
def keeping(config: Mapping[str, Any], folder: RunFolder, material: Material,
            recipe: Recipe, say=lambda line: None) -> Iterator[None]:
  """Training inside: where it stops at a value that is no number, the task is kept.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
    recipe: of a step.
    say: called with a line while the task is looked for.

  Raises:
    InputError: names step, fold, task and tensors.
  """
  try:
    yield
  except NotFinite as error:
    broken = error.broken
    say(f'{join_names(broken.names)} is not a number in fold {broken.data.name}: '
        'looking for the task')
    fault = faults.search(recipe, broken)
    if fault is None:
      raise
    _write(folder, config, material.pool, broken, fault, recipe.tasks)
    which = f', task {fault.task} of {recipe.tasks}' if fault.task else ''
    raise InputError(
        f'fold {broken.data.name}{which}: {join_names(fault.tensors)} is not a number '
        f'at step {fault.step}; {broken.kept}; --replay redoes what is kept in '
        f'{folder.fault_npz}; {ADVICE}') from None
  for path in (folder.fault, folder.fault_npz):
    path.unlink(missing_ok=True)


def _write(folder, config, names, broken, fault: Fault, tasks: int) -> None:
  """The arrays first: fault.json says that they are whole."""
  clips = {f'{side} {kind}': [names.clips[n]
                              for n in getattr(getattr(fault.drawn, side), kind)]
           for side in ('support', 'query') for kind in ('micro', 'macro')}
  arrays = {'params': fault.params, 'task': fault.examples._asdict(), 'key': fault.key}
  with write_atomically(folder.fault_npz, 'wb') as file:
    np.savez(file, **by_path(arrays))
  write_json(folder.fault, {
      'fold': broken.data.name, 'step': fault.step, 'task': fault.task,
      'tasks': tasks, 'tensors': fault.tensors, 'kept': broken.kept,
      'clips': clips, 'done': fault.done, 'classes': names.classes,
      'settings': config})


@refusing('replay')
def replay(arguments: list[str]) -> int:
  """python -m lightman_jax replay RUN."""
  parser = Parser('python -m lightman_jax replay', description=(
      'redoes the task in which training met a value that is not finite'))
  parser.add_argument('run', help='the folder of the run')
  for kind in sections.SECTIONS:
    parser.add_argument(f'--{kind}', metavar='FILE.py:NAME',
                        help='code from outside that the run had')
  options = parser.parse_args(arguments)
  named = {kind: getattr(options, kind) for kind in sections.SECTIONS}
  for line in replay_lines(options.run, named):
    print(line)
  return 0


def replay_lines(run: str | os.PathLike, outside: Mapping[str, str | None] = {}
                 ) -> Iterator[str]:
  """Redoes a kept task operation by operation; lines on where it breaks.

  Args:
    run: the folder of the run.
    outside: kind of part -> code from outside, named again.

  Raises:
    InputError: the folder keeps no task, or a damaged one.
  """
  open_devices(1)
  for place in _kept_tasks(places.expand(run)):
    with _naming(place):
      about, tree = _read(place)
      pinned = functools.partial(numerics.pinned,
                                 about['settings']['model']['matmul_precision'])
      with pinned():
        sections.allow_again(about['settings'], outside)
        function, arguments = _task_gradient(about, tree)
      yield from _describe_task(about, tree)
    # From here on nothing is the fault of the files.
    try:
      with pinned():
        lines = [*_describe_walk(faults.walk(function, *arguments))]
      yield from lines
    except faults.UnknownForm as error:
      raise InputError(
          f'jax {jax.__version__} writes the operation {error} in a form that replay '
          f'cannot take apart; {place.with_suffix("")}.* are whole: give the command '
          'in an environment with jax 0.10 or 0.12') from error


def _describe_task(about: Mapping[str, Any], tree: Mapping[str, Any]) -> Iterator[str]:
  yield (f'fold {about["fold"]}, step {about["step"]}, task {about["task"]} of '
         f'{about["tasks"]}: {join_names(about["tensors"], 6)} is not a number'
         if about['task'] else
         f'fold {about["fold"]}, step {about["step"]}: '
         f'{join_names(about["tensors"], 6)} is not a number, and each task '
         'alone is finite; the first one is shown')
  yield from (f'{side}: {", ".join(names)}' for side, names in about['clips'].items()
              if names)
  yield from _largest('inputs', tree['task'])
  yield from _largest('parameters', tree['params'])


def _kept_tasks(run: pathlib.Path) -> list[pathlib.Path]:
  """Folds of an inner selection have folders of their own in that of the run."""
  places = sorted(run.rglob('fault.json'))
  if not places:
    raise InputError(f'{run} keeps no task to replay: training there has not met a '
                     'value that is not finite')
  return places


@contextlib.contextmanager
def _naming(place: pathlib.Path) -> Iterator[None]:
  """What is kept is used within, whatever it may hold."""
  try:
    yield
  except registry.NotNamed:
    raise
  except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError,
          FlaxError) as error:
    raise InputError(f'{place.with_suffix("")}.* are damaged ({error}); give the '
                     'command of the run again, which stops at the same task'
                     ) from error


def _read(place: pathlib.Path) -> tuple[dict, dict]:
  about, tree = bounded.read_json(place), {}
  for name, x in bounded.read_arrays(place.with_suffix('.npz')).items():
    *above, last = name.split('/')
    branch = tree
    for part in above:
      branch = branch.setdefault(part, {})
    branch[last] = x
  tree['task'] = Task(**{side: Examples(**tree['task'][side])
                         for side in Task._fields})
  return about, tree


def _task_gradient(about: Mapping[str, Any], tree: Mapping[str, Any]
                   ) -> tuple[Callable, tuple]:
  """The gradient of a kept task as a function, and the arguments it was kept with."""
  config = about['settings']
  settings.check(config)
  learner = make_learner(config, make_net(config, about['classes']))
  # A network of another size would be built, and fail, layer by layer.
  clip = tree['task'].support.x.shape[1:]
  expected = jax.eval_shape(lambda key: learner.init(key, clip), jax.random.key(0))
  if _shapes(expected) != _shapes(tree['params']):
    raise ValueError('the parameters are of another model than the settings')
  params, task = jax.tree.map(jnp.asarray, (tree['params'], tree['task']))
  arguments = params, task, jax.random.wrap_key_data(jnp.asarray(tree['key']))
  # By place: a learner from outside may call the share of the training otherwise.
  function = lambda *first: learner.meta_grad(*first, about['done'])
  jax.eval_shape(function, *arguments)      # what does not fit together is seen here
  return function, arguments


def _shapes(tree) -> dict[str, tuple]:
  return {name: (x.shape, np.dtype(x.dtype)) for name, x in by_path(tree).items()}


def _largest(what: str, tree) -> Iterator[str]:
  sizes = {name: float(np.abs(x).max())
           for name, x in by_path(tree).items() if x.size}
  name = max(sizes, key=lambda name: (np.isnan(sizes[name]), sizes[name]))
  yield f'{what}: largest magnitude {sizes[name]:.3g}, in {name}'


def _describe_walk(result: faults.WalkResult) -> Iterator[str]:
  if result.infinite is None and result.nan is None:
    yield ('operation by operation every value is finite: whether one overflows '
           'depends on how the compiler orders them')
    return
  sizes = list(result.largest.items())
  broken = next((n for n, (_, size) in enumerate(sizes) if not np.isfinite(size)),
                len(sizes) - 1)
  yield 'largest magnitudes on the way:'
  for name, size in sizes[max(0, broken + 1 - SHOWN):broken + 1]:
    yield f'  {size:9.3g}  {", ".join(name)}'
  if result.infinite:
    yield f'first infinite value: {result.infinite}'
  if result.nan:
    yield f'first value that is not a number: {result.nan}'
