"""Which task, step and operation a value that is not finite comes from.

The steps of the chunk are redone from the state before it, by a program that keeps the
tasks apart. That takes a compilation; it is only done when training has stopped.

It takes a thousand times as long as the compiled function, and tells where the first
value that is not finite arises: in which layer, which pass of which loop, and whether
in the function itself or in a derivative.
"""

from collections.abc import Callable, Mapping
import functools
import os
import re
from typing import NamedTuple

import jax
from jax.extend import core, source_info_util
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree
import numpy as np

from lightman_jax.models.network import Params
from lightman_jax.tasks.sampling import Drawn, Task, bring_clips, max_clips
from lightman_jax.training import compiled
from lightman_jax.training.finite import Broken, not_finite
from lightman_jax.training.loop import stack
from lightman_jax.training.state import (
  Recipe,
  TrainState,
  View,
  draw_steps,
  make_task,
  moved_on,
)
from lightman_jax.units import short_repr

# Which task of which step a value that is not finite comes from, and what it was.

class Fault(NamedTuple):
  """What a replay needs; all arrays are on the host."""
  step: int                   # from 1
  task: int                   # from 1; 0 where no task alone is to blame
  tensors: tuple[str, ...]    # what is not finite, in the order in which it arises
  params: Params              # before the step
  examples: Task              # of the first task, where none is to blame
  drawn: Drawn                # its clips by number
  key: Int[np.ndarray, '2']   # data of the key of its adaptation
  done: float                 # share of the training
  __repr__ = short_repr


def search(recipe: Recipe, broken: Broken) -> Fault | None:
  """Redoes the steps up to the broken one; None where they are finite this time.

  Args:
    recipe: of the steps.
    broken: the fold, and its state before the steps.
  """
  view, clips = stack([broken.data], 1)
  view = jax.tree.map(lambda x: x[0], view)
  draw = compiled.jit(functools.partial(draw_steps, recipe=recipe, length=1),
                      for_an_instant=True)
  look = compiled.jit(functools.partial(_look, recipe=recipe))
  state = jax.tree.map(jnp.asarray, broken.state)
  for _ in range(int(state.step), broken.step):
    drawn = jax.tree.map(lambda x: np.asarray(x)[0],
                         draw(view, clips.table, state.step))
    x_and_drawn = bring_clips(clips.x, drawn, max_clips(drawn, len(clips.x)))
    after, seen = look(state, view, *x_and_drawn)
    task, tensors = first_fault(seen, after)
    if tensors:
      one = max(task - 1, 0)
      part = lambda tree: jax.tree.map(lambda x: np.asarray(x)[one], tree)
      return Fault(int(state.step) + 1, task, tensors,
                   jax.tree.map(np.asarray, state.params), part(seen['input']),
                   part(drawn), part(seen['key']), int(state.step) / recipe.steps)
    state = after
  return None


def first_fault(seen: Mapping[str, PyTree], after: TrainState
           ) -> tuple[int, tuple[str, ...]]:
  """The first task that is not finite (from 1, or 0) and what of it is not.

  Args:
    seen: of a step, along a first axis of tasks: input, loss, gradient.
    after: the state that the step leads to.
  """
  kinds = {kind: seen[kind] for kind in ('input', 'loss', 'gradient')}
  for number in range(len(seen['key'])):
    names = not_finite(jax.tree.map(lambda x: np.asarray(x)[number], kinds))
    if names:
      # As they arise, not by the alphabet.
      order = list(kinds)
      return number + 1, tuple(sorted(
          names, key=lambda name: order.index(name.partition('/')[0])))
  return 0, not_finite({'update': after._asdict()})


def _look(state: TrainState, view: View, x: Float[Array, 'n *clip'], drawn: Drawn, *,
          recipe: Recipe):
  """One step, and all that its tasks are made of and lead to."""
  def one_task(numbered):
    number, drawn = numbered
    task, key = make_task(view.key, x, view.fold.scale, drawn, recipe, state.step,
                          number)
    grads, scalars = recipe.learner.meta_grad(state.params, task, key,
                                              state.step / recipe.steps)
    return {'input': task, 'loss': scalars, 'gradient': grads,
            'key': jax.random.key_data(key)}
  seen = jax.lax.map(one_task, (jnp.arange(recipe.tasks), drawn))
  mean = jax.tree.map(lambda x: x.mean(0), seen['gradient'])
  return moved_on(state, mean, recipe), seen


# A function computed operation by operation, with a look at every value.

# What only groups operations; scan is taken apart, while and cond are one operation.
GROUPS = ('jit', 'pjit', 'closed_call', 'core_call', 'remat', 'remat2', 'checkpoint',
          'custom_jvp_call', 'custom_vjp_call', 'custom_vjp_call_jaxpr')
WRAPPERS = re.compile(r'rematted_computation|checkpoint|[a-z_]+\(|\)')


class Place(NamedTuple):
  """Where in a computation a value arises."""
  passes: tuple[str, ...]   # of the loops around it, such as 'pass 2 of 3 of sgd_steps'
  layer: str                # such as 'ClipEncoder/frame/Conv_0'
  derivative: bool
  operation: str
  source: str               # file:line (function)

  def __str__(self) -> str:
    return ', '.join(filter(None, (
        *self.passes, ('derivative of ' * self.derivative + self.layer)
        if self.layer else 'derivative' * self.derivative,
        f'operation {self.operation} at {self.source}')))


class WalkResult(NamedTuple):
  """What a walk came by."""
  infinite: Place | None                # the first infinity out of finite numbers
  nan: Place | None                     # the first NaN out of none
  largest: dict[tuple[str, ...], float]    # (*passes, layer) -> greatest magnitude


class UnknownForm(Exception):
  """This version of jax writes a program in a form that is not known here."""


class _NoNumber(Exception):
  """The first NaN: there is nothing more to learn."""


def walk(function: Callable, *arguments: PyTree) -> WalkResult:
  """Computes `function(*arguments)`, up to the first NaN.

  Args:
    function: of arrays; it is traced.
    arguments: arrays, as NumPy or jax has them.

  Raises:
    UnknownForm: names the operation that cannot be taken apart.
  """
  largest, first = {}, {}

  def look(place, values, results):
    size = max(map(_magnitude, results), default=0.)
    name = (*place.passes, 'derivative of ' * place.derivative + place.layer)
    if place.layer:
      largest[name] = max(largest.get(name, 0.), size)
    # NaN compares with nothing, so it is asked for first.
    if np.isnan(size) and not any(np.isnan(_magnitude(x)) for x in values):
      first.setdefault('nan', place)
      raise _NoNumber
    if np.isinf(size) and all(np.isfinite(_magnitude(x)) for x in values):
      first.setdefault('infinite', place)

  closed = jax.make_jaxpr(function)(*arguments)
  try:
    _compute(closed.jaxpr, closed.consts, jax.tree.leaves(arguments), look,
             Place((), '', False, '', ''))
  except _NoNumber:
    pass
  return WalkResult(first.get('infinite'), first.get('nan'), largest)


def _magnitude(x) -> float:
  """The greatest; NaN where there is one."""
  if not jnp.issubdtype(jnp.result_type(x), jnp.inexact) or not np.size(x):
    return 0.
  return float(np.max(np.abs(np.asarray(x, np.float64))))


def _compute(jaxpr, consts, arguments, look, around: Place) -> list:
  """All operations of a program, in their order."""
  values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments)))
  read = lambda v: v.val if isinstance(v, core.Literal) else values[v]
  uses = [{v for v in eqn.invars if not isinstance(v, core.Literal)}
          for eqn in jaxpr.eqns]
  last = {v: number for number, used in enumerate(uses) for v in used}
  last |= {v: len(uses) for v in jaxpr.outvars if not isinstance(v, core.Literal)}
  for number, eqn in enumerate(jaxpr.eqns):
    place = _place(eqn, around)
    results = _one(eqn, [read(v) for v in eqn.invars], look, place)
    values.update(zip(eqn.outvars, results))
    for v in uses[number]:
      if last[v] == number:
        del values[v]
  return [read(v) for v in jaxpr.outvars]


def _one(eqn, arguments, look, place: Place) -> list:
  name, params = eqn.primitive.name, eqn.params
  if name == 'scan':
    return _passes(eqn, arguments, look, place)
  if name in GROUPS:
    inner = next((params[key] for key in ('jaxpr', 'call_jaxpr', 'fun_jaxpr')
                  if key in params), None)
    if inner is None:
      raise UnknownForm(name)
    closed = hasattr(inner, 'consts')
    return _compute(inner.jaxpr if closed else inner, inner.consts if closed else (),
                    arguments, look, place)
  results = eqn.primitive.bind(*arguments, **params)
  results = results if eqn.primitive.multiple_results else [results]
  look(place, arguments, results)
  return results


def _passes(eqn, arguments, look, place: Place) -> list:
  """A scan, pass by pass; one that runs backwards is counted from its end."""
  params, body = eqn.params, eqn.params['jaxpr']
  num_consts, num_carry = _scan_counts(params)
  consts, carry, xs = (arguments[:num_consts],
                       arguments[num_consts:num_consts + num_carry],
                       arguments[num_consts + num_carry:])
  length, rows = params['length'], []
  order = range(length)[::-1] if params['reverse'] else range(length)
  for number in order:
    label = f'pass {number + 1} of {length} of {_function(place.source)}'
    operands = (*consts, *carry, *(x[number] for x in xs))
    results = _compute(body.jaxpr, body.consts, operands, look,
                       place._replace(passes=(*place.passes, label)))
    carry = results[:num_carry]
    rows.append(results[num_carry:])
  rows = rows[::-1] if params['reverse'] else rows
  return [*carry, *(jnp.stack(row) for row in zip(*rows))]


def _scan_counts(params) -> tuple[int, int]:
  """How many of a scan's operands are constants, and how many are carried.

  jax 0.10 has the numbers as parameters, jax 0.12 a tree of the operands in three
  parts: constants, carry, and what is scanned over.
  """
  if 'num_consts' in params:
    return params['num_consts'], params['num_carry']
  try:
    consts, carry, _ = params['ft_in'].unpack()
    return len(consts), len(carry)
  except (KeyError, AttributeError, TypeError, ValueError):
    raise UnknownForm('scan') from None


def _place(eqn, around: Place) -> Place:
  """What is inside of a group without a name has that of the group."""
  name = str(eqn.source_info.name_stack)
  layer = '/'.join(filter(None, WRAPPERS.sub('', name).split('/')))
  return Place(around.passes, layer or around.layer,
               'transpose(' in name or around.derivative, eqn.primitive.name,
               _short(source_info_util.summarize(eqn.source_info)) or around.source)


def _short(source: str) -> str:
  """'.../lightman_jax/meta/inner.py:73:20 (step)' without what lies before."""
  match = re.match(r'(.*?):(\d+)(?::\d+)?(?: \((.*)\))?$', source)
  if not match:
    return ''
  path, line, function = match.groups()
  path = '/'.join(path.split(os.sep)[-3:])
  return f'{path}:{line}' + (f' ({function})' if function else '')


def _function(source: str) -> str:
  """The name of the function that holds a line."""
  return source.rpartition('(')[2].rstrip(')').split('.')[0] or 'a loop'
