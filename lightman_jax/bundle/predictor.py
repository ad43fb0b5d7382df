"""What a bundle keeps of a trained method, and how that predicts.

A prediction of a run is the mean over supports of what models adapted to them say. A
bundle has no clip, so of each draw it keeps what the support has moved: the adapted
weights; of ProtoNet the class means. These means are embeddings of clips, and with a
skip the clips themselves, so what is kept is their mean over all draws: the squared
distances to p_1 ... p_D have the mean

    mean_d (z - p_d)^2 = (z - p)^2 + mean_d (p_d - p)^2,    p = mean_d p_d,

so p and one number a class, the spread, say the same as all of them. Only what is the
same for all classes of a clip differs then between its logits and those of the run.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from lightman_jax import registry
from lightman_jax.batches import map_in_batches
from lightman_jax.errors import InputError
from lightman_jax.evaluation.predict import predict_both
from lightman_jax.experiment import assembly
from lightman_jax.inputs import inputs
from lightman_jax.inputs.augmentation import mirror
from lightman_jax.meta.learners import Learner, ensemble
from lightman_jax.models import explanation, ststnet
from lightman_jax.models.explanation import Explanation
from lightman_jax.models.network import Network, make_encoder, make_network
from lightman_jax.settings import is_multi_label
from lightman_jax.training import compiled

# Of a seed: 'scale' (c,) divides clips, 'params' is before adaptation, 'draws' has what
# supports have moved, along a first axis; absent where a prediction knows no support.
Arrays = Mapping[str, Any]
MEANS = ('prototypes', 'spread')      # of ProtoNet
FEWEST = 3      # clips that a class mean is of, at least: it is an embedding of them


def check_method(config: Mapping[str, Any]) -> None:
  """Refuses what cannot be kept without clips, or not without code from outside.

  Args:
    config: complete.

  Raises:
    InputError: names the method or the encoder, and what to do.
  """
  name = config['method']['name']
  if is_multi_label(config):
    raise InputError('a model of labels.kind=action_units cannot be carried: a bundle '
                     'calibrates and tells one class of each clip; keep the run, whose '
                     'checkpoints and predictions.csv have all of it')
  if name == 'matchingnet':
    raise InputError('a model of method=matchingnet cannot be carried: it compares '
                     'with each support clip, and no clip goes into a bundle; train '
                     'protonet, which compares with means of classes')
  for kind, part in (('method', name), ('encoder', config['model']['encoder'])):
    if registry.is_outside(part):
      raise InputError(f'a model of {kind}={registry.label(part)} cannot be carried: '
                       'it is code from outside of the package, which a bundle does '
                       'not hold; add it to the package, or keep the run')


def make(config: Mapping[str, Any], classes: list[str], scaling: Any = None
         ) -> tuple[Network, Learner]:
  """The network of a bundle, and what predicts by its arrays.

  Args:
    config: complete.
    classes: names.
    scaling: (order, low, high) of published weights; see `ststnet.Scaling`.
  """
  encoder = make_encoder(**config['model'])
  if scaling is not None:
    order, low, high = scaling
    encoder = encoder.clone(scaling=ststnet.Scaling(tuple(order), float(low),
                                                    float(high)))
  net = make_network(encoder, classes=len(classes),
                     **assembly.network_settings(config))
  member = assembly.make_member_learner(config, net)
  count = config['training']['members']
  if config['method']['name'] == 'protonet':
    nearest = member.predict
    member = member._replace(
        predict=lambda fast, x: nearest(fast, x) - fast['spread'])
  return net, ensemble(member, count) if count > 1 else member


def shapes(about: Mapping[str, Any]) -> dict[str, Any]:
  """The shapes of the arrays of a seed; nothing is computed.

  Args:
    about: content of model.json.
  """
  config, clip, draws = about['settings'], tuple(about['clip']), about['draws']
  check_method(config)
  net, learner = make(config, about['classes'], about['scaling'])
  params = jax.eval_shape(lambda key: learner.init(key, clip), jax.random.key(0))
  made = {'scale': jax.ShapeDtypeStruct(clip[-1:], jnp.float32), 'params': params}
  if config['method']['name'] == 'protonet':
    count = config['training']['members']
    members = (count,) if count > 1 else ()
    z = jax.eval_shape(lambda key: net.embed(net.init(key, clip),
                                             jnp.zeros((1, *clip))), jax.random.key(0))
    classes = len(about['classes'])
    made['draws'] = {
        'prototypes': jax.ShapeDtypeStruct((1, *members, classes, z.shape[-1]),
                                           jnp.float32),
        'spread': jax.ShapeDtypeStruct((1, *members, classes), jnp.float32)}
  elif learner.adapted_subtrees and draws:
    made['draws'] = {
        name: jax.tree.map(lambda x: jax.ShapeDtypeStruct((draws, *x.shape), x.dtype),
                           params[name]) for name in learner.adapted_subtrees}
  return made


def keep(learner: Learner | None, params: Any, fast: Any, scale: Float[np.ndarray, 'c']
         ) -> dict[str, Any]:
  """What a bundle keeps of a trained model.

  Args:
    learner: of the run; not looked at where there are class means.
    params: trained, before adaptation.
    fast: adapted to each of D supports, along a first axis; None where none counts.
    scale: divides clips.
  """
  kept = {'scale': np.asarray(scale, np.float32), 'params': params}
  if fast is None:
    return kept
  if 'prototypes' in fast:
    means = fast['prototypes'].mean(0)
    spread = jnp.square(fast['prototypes'] - means).mean(0).mean(-1)
    return {**kept, 'draws': {'prototypes': means[None], 'spread': spread[None]}}
  return {**kept, 'draws': {name: fast[name] for name in learner.adapted_subtrees}}


def mirror_of(config: Mapping[str, Any], channels: int
              ) -> Callable[[Array], Array] | None:
  """A clip to its mirror image, where predictions are averaged over both.

  Args:
    config: complete.
    channels: of the inputs' last axis.
  """
  if not config['evaluation']['mirror']:
    return None
  content = inputs.describe_content(inputs.Settings(**config['inputs']), channels)
  return functools.partial(mirror, content=content)


def logits_of(learner: Learner, flip: Callable[[Array], Array] | None, arrays: Arrays,
              x: Float[Array, 'n *clip']) -> Float[Array, 'n K']:
  """Logits of clips by the arrays of one seed.

  Args:
    learner: of `make`.
    flip: of `mirror_of`.
    arrays: of the seed.
    x: inputs as the network's are made, before they are divided by their scale.
  """
  x = x / arrays['scale']
  if 'draws' not in arrays:
    return predict_both(learner, arrays['params'], x, flip)
  return map_in_batches(
      lambda moved: predict_both(learner, {**arrays['params'], **moved}, x, flip),
      arrays['draws'], 1).mean(0)


def explain_actions(config: Mapping[str, Any], seeds: Sequence[Arrays],
                    x: Float[np.ndarray, 'n T 68 2']) -> Explanation:
  """What each action of DeRe-GRL adds to the logits, the mean over all models.

  Mirror images, whose actions are those of the other side, have no part in it.

  Args:
    config: complete.
    seeds: the arrays of each.
    x: inputs as the network's are made.

  Raises:
    InputError: the method's predictions are no linear head's, so nothing adds up.
  """
  if config['method']['name'] == 'protonet':
    raise InputError('method=protonet compares with means of classes, so contributions '
                     'of actions do not add up to its logits; train another method')
  encoder, count = make_encoder(**config['model']), config['training']['members']

  @compiled.jit
  def one(fast, x):
    own = lambda fast: explanation.explain(encoder, fast, x)
    return (explanation.mean_explanation(jax.lax.map(own, fast)) if count > 1 else
            own(fast))

  parts = []
  for arrays in seeds:
    draws = arrays.get('draws', {})
    for n in range(len(jax.tree.leaves(draws)[0]) if draws else 1):
      moved = jax.tree.map(operator.itemgetter(n), draws)
      parts.append(one({**arrays['params'], **moved}, x / arrays['scale']))
  return Explanation(*(np.mean([np.asarray(part[place]) for part in parts], 0)
                       for place in range(len(Explanation._fields))))
