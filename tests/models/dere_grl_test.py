"""DeRe-GRL: components, actions and relations, and what carried a prediction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.faces import landmarks
from lightman_jax.models import dere_grl, explanation
from lightman_jax.models.network import make_network

SHAPE = (3, 68, 2)


def ready(start_of, **changes):
  encoder = dere_grl.DeReGRL(**{'width': 8, 'actions': 4, **changes})
  net = make_network(encoder, classes=3)
  params = start_of(net, SHAPE)
  # Drawn from NumPy, the graph is any graph: nothing here hangs on its start.
  x = np.random.default_rng(1).standard_normal((4, *SHAPE)).astype(np.float32)
  return encoder, net, params, jnp.asarray(x)


def test_the_graph_begins_as_the_lines_of_a_face():
  graph = dere_grl.contour_graph()
  np.testing.assert_array_equal(graph, graph.T)
  np.testing.assert_allclose(np.diag(graph)[[0, 1, 60]], [1 / 2, 1 / 3, 1 / 3])
  linked = lambda i: set(np.flatnonzero(graph[i]))
  assert linked(0) == {0, 1} and linked(36) == {36, 37, 41} and linked(21) == {20, 21}
  assert linked(33) == {30, 32, 33, 34} and linked(48) == {48, 49, 59}
  # A mirrored face has the same lines.
  np.testing.assert_allclose(graph[landmarks.MIRROR][:, landmarks.MIRROR], graph)
  params = dere_grl.Graph(4).init(jax.random.key(0), jnp.zeros((1, 68, 2)))['params']
  np.testing.assert_allclose(params['adjacency'], graph, atol=1e-6)


def test_pooling_is_the_mean_of_a_component():
  pool = dere_grl.pooling(True)
  x = np.random.default_rng(0).standard_normal((68, 3))
  for row, part in zip(pool @ x, landmarks.COMPONENTS.values(), strict=True):
    np.testing.assert_allclose(row, x[list(part)].mean(0))


def parts_of(encoder, params, x):
  _, seen = encoder.apply({'params': params['encoder']}, x, mutable=['intermediates'])
  return seen['intermediates']['parts'][0]


@pytest.mark.parametrize('component', landmarks.COMPONENTS)
def test_the_order_of_landmarks_in_a_component_is_free(component, start_of):
  """Landmarks and their rows and columns of the graph change places together."""
  encoder, _, params, x = ready(start_of)
  order = np.arange(68)
  part = list(landmarks.COMPONENTS[component])
  order[part] = np.random.default_rng(0).permutation(part)
  moved = jax.tree.map(lambda leaf: leaf, params)
  graph = moved['encoder']['Graph_0']
  graph['adjacency'] = graph['adjacency'][order][:, order]
  plain = parts_of(encoder, params, x)
  np.testing.assert_allclose(parts_of(encoder, moved, x[:, :, order]), plain, atol=1e-5)
  # It is the pairing with the graph that is free, not where something moves.
  assert np.abs(parts_of(encoder, params, x[:, :, order]) - plain).max() > 1e-3


def test_relations_are_of_the_clip(start_of):
  encoder, _, params, x = ready(start_of)
  weights = explanation.explain(encoder, params, x).weights
  assert weights.shape == (4, 4, 4)
  np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
  gaps = np.abs(weights[:, None] - weights[None]).max((2, 3))
  assert (gaps[~np.eye(4, dtype=bool)] > 1e-2).all()


@pytest.mark.parametrize('changes', [
    {}, {'decompose': False}, {'relate': False}, {'decompose': False, 'relate': False}])
def test_contributions_add_up_to_the_logits(changes, start_of):
  encoder, net, params, x = ready(start_of, **changes)
  got = explanation.explain(encoder, params, x)
  np.testing.assert_allclose(got.logits, net.logits(params, x), atol=1e-5)
  np.testing.assert_allclose(got.actions.sum(-1) + got.bias, got.logits,
                             atol=1e-4)
  assert got.parts.shape[-1] == (68 if 'decompose' in changes else 5)
  assert np.any(got.relations) == ('relate' not in changes)


def test_a_contribution_is_what_is_missing_without_the_action(start_of):
  """Where nothing relates: the action's column of the head is set to nought."""
  encoder, net, params, x = ready(start_of, relate=False)
  got = explanation.explain(encoder, params, x)
  for action in range(4):
    kernel = params['head']['kernel'].reshape(4, 8, 3).at[action].set(0.)
    without = {**params, 'head': {**params['head'], 'kernel': kernel.reshape(32, 3)}}
    np.testing.assert_allclose(got.logits - net.logits(without, x),
                               got.actions[:, :, action], atol=1e-4)


def test_a_relations_contribution_is_what_is_missing_without_it(start_of):
  encoder, _, params, x = ready(start_of)
  got = explanation.explain(encoder, params, x)
  maps, seen = encoder.apply({'params': params['encoder']}, x,
                             mutable=['intermediates'])
  features = params['encoder']['map'] @ seen['intermediates']['parts'][0]
  for to, source in ((0, 1), (2, 2)):
    less = maps.at[:, to].add(-got.weights[:, to, source, None] * features[:, source])
    logits = less.reshape(4, -1) @ params['head']['kernel'] + got.bias
    np.testing.assert_allclose(got.logits - logits, got.relations[..., to, source],
                               atol=1e-4)


def test_taking_a_module_out_leaves_none_of_its_weights(start_of):
  names = lambda **changes: set(ready(start_of, **changes)[2]['encoder'])
  assert names() - names(relate=False) == {'ask', 'answer'}
  shape = lambda **changes: ready(start_of, **changes)[2]['encoder']['map'].shape
  assert shape() == (4, 5) and shape(decompose=False) == (4, 68)
