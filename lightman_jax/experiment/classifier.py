"""An estimator with scikit-learn's conventions, for people with arrays."""

from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from lightman_jax import keys
from lightman_jax.errors import InputError
from lightman_jax.evaluation import references
from lightman_jax.experiment import assembly, notebook
from lightman_jax.inputs.pool import channel_scale
from lightman_jax.tasks.arrays import from_arrays
from lightman_jax.tasks.folds import Fold
from lightman_jax.training import numerics

RIDGE = 'ridge'     # the linear reference, which is no method of a configuration
OWN = ('method', 'random_state')
SEEDS = 2**31 - 1   # the greatest


class Classifier(ClassifierMixin, BaseEstimator):
  """Learns to classify arrays of people, by any method of this package.

  Args:
    method: a method by its name, as 'lightman' or 'protonet', or 'ridge', the linear
      model that stands beside every score.
    random_state: a seed; or a pair (seed, held out), whose draws are those of the fold
      of that name in a run; or the key of a fold, a jax key; or a NumPy generator or
      None, from which a seed is drawn, as scikit-learn does.
    **settings: dotted setting to value, as `**{'training.steps': 50}`; see
      `array_settings` for the defaults.

  Raises:
    InputError: by `fit`, where a setting is wrong or people are missing.

  Example:
    >>> classifier = lm.Classifier(method='maml', random_state=0)   # doctest: +SKIP
    >>> classifier.fit(X, y, groups=subjects).predict(X_new)        # doctest: +SKIP
  """

  def __init__(self, method: str = 'lightman', random_state: Any = 0, **settings: Any):
    self.method, self.random_state, self.settings = method, random_state, settings

  def get_params(self, deep: bool = True) -> dict[str, Any]:
    """The method, the random state, and the settings by their dotted names."""
    del deep                   # nothing here is an estimator
    return {**{name: getattr(self, name) for name in OWN}, **self.settings}

  def set_params(self, **params: Any) -> 'Classifier':
    """Changes some of them; settings are checked by `fit`."""
    self.settings = {**self.settings}
    for name, value in params.items():
      if name in OWN:
        setattr(self, name, value)
      else:
        self.settings[name] = value
    return self

  def fit(self, X: Any, y: Any, groups: Any = None,
          macro: Any = None) -> 'Classifier':
    """Trains on people.

    Args:
      X: (n, d) rows or (n, t, d) series.
      y: (n,) classes.
      groups: (n,) whose each example is; support and query of a task are of different
        people.
      macro: (n,) True where it is a macro-expression, which `lightman` aligns with.

    Returns:
      Itself.

    Raises:
      InputError: no groups, values that are missing, or too few people of a class.
    """
    if groups is None:
      raise InputError(
          'fit needs groups, whose each example is: give groups=subjects, and in '
          "cross_validate params={'groups': subjects} with "
          'Classifier(...).set_fit_request(groups=True)')
    pool = from_arrays(X, y, groups, macro=macro)
    self.classes_ = np.unique(np.asarray(y))
    self.n_features_in_ = pool.x.shape[-1]
    everybody = np.ones(len(pool.x), bool)
    with numerics.pinned():
      key, rng, name = _randomness(self.random_state)
    fold = Fold(name, everybody, ~everybody)
    self._pool, self._fold = pool, None
    if self.method == RIDGE:
      self._penalty = self._ridge_penalty(pool.x.shape[1:])
      return self
    self.settings_ = notebook.array_settings(pool.x.shape[1:], method=self.method,
                                             **self.settings)
    with numerics.pinned(self.settings_['model']['matmul_precision']):
      self._fold = notebook.fold_of(key, self.settings_, pool, fold, rng=rng)
    self.params_ = notebook.train(self.settings_, self._fold)
    return self

  def predict_proba(self, X: Any) -> np.ndarray:
    """Predicts probabilities.

    Args:
      X: (n, d) rows or (n, t, d) series, as those of `fit`.

    Returns:
      (n, K), in the order of `classes_`; of 'ridge' the softmax of its outputs, which
      are no probabilities but have their order.

    Raises:
      InputError: examples of another shape than those of `fit`, or missing numbers.
    """
    x = self._examples(X)
    if not len(x):
      return np.zeros((0, len(self.classes_)))
    if self._fold is not None:
      return notebook.predict(self.settings_, self._fold, self.params_, x=x)
    scores = self._ridge(x)
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)

  def predict(self, X: Any) -> np.ndarray:
    """Predicts classes.

    Args:
      X: (n, d) rows or (n, t, d) series, as those of `fit`.

    Returns:
      (n,) of the kind that `y` was of.

    Raises:
      InputError: examples of another shape than those of `fit`, or missing numbers.
    """
    best = self.predict_proba(X).argmax(-1)     # which says so where nothing is fitted
    return self.classes_[best]

  def __sklearn_tags__(self):
    tags = super().__sklearn_tags__()
    tags.input_tags.three_d_array = True
    tags.non_deterministic = self.random_state is None
    return tags

  def _examples(self, X: Any) -> np.ndarray:
    """X in float32, where it is like that of `fit`."""
    check_is_fitted(self, 'classes_')
    x = from_arrays(X, [0] * len(X), [0] * len(X)).x if len(X) else np.zeros(
        (0, *self._pool.x.shape[1:]), np.float32)
    if x.shape[1:] != self._pool.x.shape[1:]:
      raise InputError(f'X has examples of shape {x.shape[1:]} and fit had '
                       f'{self._pool.x.shape[1:]}; give them alike')
    return x

  def _ridge_penalty(self, example: tuple[int, ...]) -> float:
    """Settings are checked as those of a network are."""
    config = notebook.array_settings(example, **self.settings)
    return config['evaluation']['ridge_penalty']

  def _ridge(self, x: np.ndarray) -> np.ndarray:
    """Scores (n, K) of the linear model; it is solved again, in the dual."""
    pool = self._pool
    train = np.r_[~pool.macro, np.zeros(len(x), bool)]
    test = np.r_[np.zeros(len(pool.x), bool), np.ones(len(x), bool)]
    scale = channel_scale(pool, np.ones(len(pool.x), bool))[0]
    linear = references.ridge(
        np.concatenate([pool.x, x]) / scale, np.r_[pool.label, np.zeros(len(x), int)],
        train[None], test[None], classes=len(pool.classes),
        relative_penalty=self._penalty)
    return linear.scores[test]


def _randomness(state: Any) -> tuple[jax.Array, np.random.Generator, str]:
  """The key of a fold, who draws the ways to divide people, and the fold's name."""
  if isinstance(state, jax.Array) and jax.dtypes.issubdtype(
      state.dtype, jax.dtypes.prng_key):
    data = np.asarray(jax.random.key_data(state)).tolist()
    return state, np.random.default_rng(data), 'of its key'
  if isinstance(state, tuple):
    seed, name = state
  else:
    seed, name = _seed(state), 'nobody'
  return keys.fold_key(seed, name), assembly.splits_generator(seed, name), name


def _seed(state: Any) -> int:
  if isinstance(state, (int, np.integer)):
    if not 0 <= state <= SEEDS:
      raise InputError(f'random_state is {state}; it must be from 0 to {SEEDS}')
    return int(state)
  if state is None:
    return int(np.random.mtrand._rand.randint(SEEDS))
  if isinstance(state, np.random.RandomState):
    return int(state.randint(SEEDS))
  if isinstance(state, np.random.Generator):
    return int(state.integers(SEEDS))
  raise InputError(f'random_state is {state!r}; give a seed, a pair (seed, held out), '
                   'the key of a fold, a NumPy generator, or None')
