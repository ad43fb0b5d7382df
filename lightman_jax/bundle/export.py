"""The network of a bundle by itself: for programs without this package.

What is written takes inputs as the network sees them (float32, (n, *clip), any n: see
`inputs` in the file beside it) and gives log-probabilities at the model's temperature;
supports, mirror images, members and seeds are averaged inside. The weights are in it.

There is no ONNX: jax2onnx 0.17.1 pads no picture whose count of clips is symbolic, and
asks for an older orbax-checkpoint than training has.
"""

from collections.abc import Callable
import importlib.util
import pathlib
from typing import Any

import jax
import jax.numpy as jnp

from lightman_jax.bundle import predictor
from lightman_jax.bundle.model import Model
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.meta.learners import Learner
from lightman_jax.models import convolution
from lightman_jax.training import numerics

PLATFORMS = ('cpu', 'cuda', 'tpu')
FILES = {'stablehlo': 'model.stablehlo'}
# What a form needs beside this package, and what brings it.
NEEDS = {'stablehlo': ('flatbuffers', 'export')}


def check_installed(form: str) -> None:
  """Refuses a form for which a package is missing.

  Args:
    form: a key of `FILES`.

  Raises:
    InputError: names the package, and how to get it.
  """
  package, extra = NEEDS[form]
  if importlib.util.find_spec(package) is None:
    raise InputError(f'--export={form} needs {package}, which is not installed: pip '
                     f"install 'lightman_jax[{extra}]'")


def write(model: Model, folder: pathlib.Path, form: str) -> pathlib.Path:
  """Writes the network beside a bundle; returns the file.

  Args:
    model: read from the bundle.
    folder: of the bundle.
    form: a key of `FILES`.

  Raises:
    InputError: a package is missing, or the network has no such form.
  """
  check_installed(form)
  content = {'stablehlo': stablehlo}[form](model)
  path = folder / FILES[form]
  with write_atomically(path, 'wb') as file:
    file.write(content)
  return path


def function_of(model: Model) -> Callable[[Any], Any]:
  """Inputs (n, *clip) of float32 to log-probabilities (n, K), as a pure function.

  Args:
    model: of `load_model`.
  """
  about, config = model.about, model.about['settings']
  known, seeds = about['calibration'], model.arrays
  if 'conv' in config['model']:     # plain convolutions, which every program knows
    config = {**config, 'model': {**config['model'], 'conv': convolution.INLINE}}
  count = config['training']['members']
  config = {**config, 'training': {**config['training'], 'members': 1}}
  _, member = predictor.make(config, list(model.classes), about['scaling'])
  flip = predictor.mirror_of(about['settings'], about['clip'][-1])

  def log_probabilities(x):
    logits = [_mean_logits(member, count, flip, arrays, x) for arrays in seeds]
    if len(logits) > 1:
      logits = [jnp.mean(jnp.stack([jax.nn.log_softmax(one) for one in logits]), 0)]
    return jax.nn.log_softmax(logits[0] / (known['temperature'] if known else 1.))
  return log_probabilities


def _mean_logits(member: Learner, count: int, flip, arrays: predictor.Arrays, x):
  """As `predictor.logits_of`, draw by draw and member by member.

  Without loops, other programs have less to know.
  """
  x, draws = x / arrays['scale'], arrays.get('draws', {})
  views = [x] if flip is None else [x, jax.vmap(flip)(x)]
  sizes = [leaf.shape[0] for leaf in jax.tree.leaves(draws)[:1]] or [1]
  parts = []
  for draw in range(sizes[0]):
    fast = {**arrays['params'], **jax.tree.map(lambda leaf: leaf[draw], draws)}
    for number in range(count):
      own = jax.tree.map(lambda leaf: leaf[number], fast) if count > 1 else fast
      parts += [member.predict(own, view) for view in views]
  parts = [jax.nn.log_softmax(part) for part in parts] if count > 1 else parts
  return sum(parts[1:], parts[0]) / len(parts)


def stablehlo(model: Model) -> bytes:
  """The network as jax.export serialises it, for any number of clips at once.

  `jax.export.deserialize(bytes).call(x)` runs it, with jax alone.

  Args:
    model: of `load_model`.
  """
  from jax import export
  with numerics.pinned(model.about['settings']['model']['matmul_precision']):
    count = export.symbolic_shape('n')
    made = export.export(jax.jit(function_of(model)), platforms=PLATFORMS)(
        jax.ShapeDtypeStruct((*count, *model.about['clip']), jnp.float32))
  return bytes(made.serialize())
