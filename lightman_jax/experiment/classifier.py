"""An estimator with scikit-learn's conventions, for people with arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from lightman_jax import keys, registry
from lightman_jax.errors import InputError
from lightman_jax.evaluation import references
from lightman_jax.experiment import assembly, notebook
from lightman_jax.inputs.pool import Pool, channel_scale
from lightman_jax.options import SEEDS, check_seed, suggestion
from lightman_jax.tasks.arrays import from_arrays, read_examples
from lightman_jax.tasks.folds import Fold
from lightman_jax.training import numerics

# References, which are no methods of a configuration.
LINEAR = ('ridge', 'svm', 'ridge_raw')
OWN = ('method', 'random_state', 'verbose')


class Classifier(ClassifierMixin, BaseEstimator):
  """Learns to classify arrays of people, by any method of this package.

  Args:
    method: a method by its name, as 'lightman' or 'protonet', or one of the linear
      models that stand beside every score: 'ridge' and 'svm', whose penalty the people
      of `fit` choose for each other, or 'ridge_raw'.
    random_state: a seed; or a pair (seed, held out), whose draws are those of the fold
      of that name in a run; or the key of a fold, a jax key; or a NumPy generator or
      None, from which a seed is drawn, as scikit-learn does.
    verbose: above 0, `fit` writes to standard error how far training is.
    **settings: dotted setting to value, as `**{'training.steps': 50}`; see
      `array_settings` for the defaults.

  Raises:
    InputError: by `fit`, where a setting is wrong or people are missing.

  Example:
    >>> classifier = lm.Classifier(method='maml', random_state=0)   # doctest: +SKIP
    >>> classifier.fit(X, y, groups=subjects).predict(X_new)        # doctest: +SKIP
  """

  def __init__(self, method: str = 'lightman', random_state: Any = 0,
               verbose: int = 0, **settings: Any):
    self.method, self.random_state, self.settings = method, random_state, settings
    self.verbose = verbose

  def get_params(self, deep: bool = True) -> dict[str, Any]:
    """The method, random state, verbosity, and settings by their dotted names."""
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
    _check_method(self.method)
    pool = from_arrays(X, y, groups, macro=macro, **{
        name: self.settings.get(f'data.{name}', '') == 'all'
        for name in ('different_people', 'different_labels')})
    self.classes_ = np.unique(np.asarray(y))
    self.n_features_in_ = pool.x.shape[-1]
    everybody = np.ones(len(pool.x), bool)
    with numerics.pinned():
      key, rng, name = _randomness(self.random_state)
    fold = Fold(name, everybody, ~everybody)
    self._pool, self._fold = pool, None
    vars(self).pop('penalty_', None)      # of an earlier fit
    if self.method in LINEAR:
      self.penalty_ = self._choose_penalty(pool)
      self._check_settings_of_linear_models()
      return self
    self.settings_ = notebook.array_settings(pool.x.shape[1:], method=self.method,
                                             **self.settings)
    with numerics.pinned(self.settings_['model']['matmul_precision']):
      self._fold = notebook.fold_of(key, self.settings_, pool, fold, rng=rng)
    self.params_ = notebook.train(self.settings_, self._fold,
                                  verbose=bool(self.verbose))
    return self

  def _check_settings_of_linear_models(self) -> None:
    known = {'data.different_people', 'data.different_labels'} | (
        {'evaluation.ridge_penalty'} if self.method == 'ridge_raw' else set())
    for name in self.settings:
      if name not in known:
        raise InputError(f'{name} means nothing for method={self.method}, a linear '
                         f'model; it has {", ".join(sorted(known))}')

  def predict_proba(self, X: Any) -> np.ndarray:
    """Predicts probabilities.

    Args:
      X: (n, d) rows or (n, t, d) series, as those of `fit`.

    Returns:
      (n, K), in the order of `classes_`; of linear models the softmax of their outputs,
      which are no probabilities but have their order.

    Raises:
      InputError: examples of another shape than those of `fit`, or missing numbers.
    """
    x = self._examples(X)
    if not len(x):
      return np.zeros((0, len(self.classes_)))
    if self._fold is not None:
      return notebook.predict(self.settings_, self._fold, self.params_, x=x)
    scores = self._linear(x).scores[-len(x):]
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
    x = read_examples(X) if len(X) else (
        np.zeros((0, *self._pool.x.shape[1:]), np.float32))
    if x.shape[1:] != self._pool.x.shape[1:]:
      raise InputError(f'X has examples of shape {x.shape[1:]} and fit had '
                       f'{self._pool.x.shape[1:]}; give them alike')
    return x

  def _choose_penalty(self, pool: Pool) -> float:
    """That of the settings for 'ridge_raw', which are checked in any case."""
    config = notebook.array_settings(pool.x.shape[1:], **self.settings)
    if self.method == 'ridge_raw':
      return config['evaluation']['ridge_penalty']
    return self._linear(np.asarray(pool.x[:0])).penalty[0]

  def _linear(self, x: np.ndarray) -> references.Answers:
    """What a linear model says of x, in its last rows; it is solved again."""
    pool = self._pool
    train = np.r_[~pool.macro, np.zeros(len(x), bool)]
    test = np.r_[np.zeros(len(pool.x), bool), np.ones(len(x), bool)]
    scale = channel_scale(pool, np.ones(len(pool.x), bool))[0]
    both = np.concatenate([pool.x, x]) / scale
    label = np.r_[pool.label, np.zeros(len(x), int)]
    masks = dict(train=train[None], test=test[None], classes=len(pool.classes))
    if self.method == 'ridge_raw':
      return references.ridge_raw(both, label, **masks, relative_penalty=self.penalty_)
    known = (self.penalty_,) if hasattr(self, 'penalty_') else references.CHOICES[
        self.method]
    return references.linear(
        both, label, **masks, subject=np.r_[pool.subject, np.full(len(x), -1)],
        content=pool.content, models={self.method: known})[self.method]


def _check_method(name: Any) -> None:
  """Refuses a name that is neither a method's nor a linear model's."""
  known = (*registry.METHODS, *LINEAR)
  if isinstance(name, str) and name not in known and not registry.is_outside(name):
    raise InputError(f'there is no method {name!r}' + suggestion(name, known))


def _randomness(state: Any) -> tuple[jax.Array, np.random.Generator, str]:
  """The key of a fold, who draws the ways to divide people, and the fold's name."""
  if isinstance(state, jax.Array) and jnp.issubdtype(
      state.dtype, jax.dtypes.prng_key):
    data = np.asarray(jax.random.key_data(state)).tolist()
    return state, np.random.default_rng(data), 'of its key'
  if isinstance(state, tuple):
    if len(state) != 2 or not isinstance(state[1], str):
      raise InputError(f'random_state is {state!r}; a pair is a seed and who is held '
                       "out, as (0, 's01')")
    seed, name = check_seed(state[0], 'the seed of random_state'), state[1]
  else:
    seed, name = _seed(state), 'nobody'
  return keys.fold_key(seed, name), assembly.splits_generator(seed, name), name


def _seed(state: Any) -> int:
  if isinstance(state, (int, np.integer)):
    return check_seed(state, 'random_state')
  if state is None:
    return int(np.random.mtrand._rand.randint(SEEDS))
  if isinstance(state, np.random.RandomState):
    return int(state.randint(SEEDS))
  if isinstance(state, np.random.Generator):
    return int(state.integers(SEEDS))
  raise InputError(f'random_state is {state!r}; give a seed, a pair (seed, held out), '
                   'the key of a fold, a NumPy generator, or None')
