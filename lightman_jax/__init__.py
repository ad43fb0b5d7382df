"""Meta-auxiliary learning for micro-expression recognition, in JAX.

    import lightman_jax as lm

is enough for research in a notebook; each name is imported when it is first used.

>>> import lightman_jax as lm
>>> X = [[float(number), float(number % 2)] for number in range(12)]
>>> pool = lm.tasks.from_arrays(X, ['calm', 'joy'] * 6, [
...     person for person in ('ann', 'ben', 'cem') for _ in range(4)])
>>> settings = lm.array_settings((2,), method='maml', **{
...     'training.steps': 4, 'training.checkpoint_every': 4, 'model.width': 8,
...     'evaluation.draws': 1})
>>> ann, *others = lm.folds(settings, pool)
>>> params = lm.train(settings, ann)
>>> lm.predict(settings, ann, params).shape       # of ann's four, by two classes
(4, 2)

A data set of faces is `lm.load(lm.settings('synthetic'))`, a whole run is
`lm.run(lm.settings('synthetic'), 'runs/first')`, a finished one `lm.open_run(...)`;
`lm.train_final('runs/first', 'model')` makes a model to carry, `lm.load_model('model')`
opens one.
"""

import importlib

__version__ = '0.2.0'

# Whoever imports a module of 0.1.0 that is elsewhere now is told where.
_renamed = importlib.import_module('lightman_jax.renamed').install()

# Where each name is.
_PLACES = {
    'Classifier': 'lightman_jax.experiment.classifier',
    'InputError': 'lightman_jax.errors',
    'Learner': 'lightman_jax.meta.learners',
    'Network': 'lightman_jax.models.network',
    'Run': 'lightman_jax.experiment.finished',
    'Steps': 'lightman_jax.meta.inner',
    'Stream': 'lightman_jax.video.stream',
    'Task': 'lightman_jax.tasks.sampling',
    'array_settings': 'lightman_jax.experiment.notebook',
    'folds': 'lightman_jax.experiment.notebook',
    'info': 'lightman_jax.runs.info',
    'load': 'lightman_jax.experiment.notebook',
    'load_model': 'lightman_jax.bundle.model',
    'make_learner': 'lightman_jax.experiment.notebook',
    'make_network': 'lightman_jax.experiment.notebook',
    'mmd2': 'lightman_jax.meta.mmd',
    'open_run': 'lightman_jax.experiment.finished',
    'open_study': 'lightman_jax.video.study_results',
    'predict': 'lightman_jax.experiment.notebook',
    'predict_video': 'lightman_jax.video.expressions',
    'run': 'lightman_jax.experiment.finished',
    'sample_task': 'lightman_jax.experiment.notebook',
    'score': 'lightman_jax.report.scoring',
    'score_spotting': 'lightman_jax.video.spotting_scores',
    'sgd_steps': 'lightman_jax.meta.inner',
    'train': 'lightman_jax.experiment.notebook',
    'train_final': 'lightman_jax.bundle.final',
}
# Modules that are names of the door. `settings` can be called, see its end.
_MODULES = {'learners': 'lightman_jax.meta.learners',
            'settings': 'lightman_jax.settings', 'tasks': 'lightman_jax.tasks'}

__all__ = [
    'Classifier', 'InputError', 'Learner', 'Network', 'Run', 'Steps', 'Stream',
    'Task', 'array_settings', 'folds', 'info', 'learners', 'load', 'load_model',
    'make_learner', 'make_network', 'mmd2', 'open_run', 'open_study', 'predict',
    'predict_video', 'run', 'sample_task', 'score', 'score_spotting', 'settings',
    'sgd_steps', 'tasks',
    'train', 'train_final']


def __getattr__(name: str):
  """A name of the door, imported when it is first used."""
  if name in _MODULES:
    return importlib.import_module(_MODULES[name])
  if name in _PLACES:
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  """All names of the door, imported or not, and no others."""
  return sorted(__all__)
