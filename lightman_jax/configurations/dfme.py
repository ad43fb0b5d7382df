"""DFME (Zhao et al. 2024), seven classes, ten folds of the training part's people.

    python -m lightman_jax train --config=dfme --config.data.manual_dir=FOLDER

Protocol: ten folds of whole people, as its authors have it (arXiv 2301.00985); support
from training subjects; fixed budget, nothing chosen on held-out people; UF1 is the
unweighted mean of the classes' F1 over counts pooled over folds. `:protocol=loso`
leaves one subject out, which is 176 folds and most of an hour. The sheets of the two
tests are editions of their own: --config.data.sheet=test_a, test_b, or all (2629 clips
of 259 subjects).
Classes: dfme_7 = anger, contempt, disgust, fear, happiness, sadness, surprise; 1856
clips of 176 subjects (tests: 474 of 42, 299 of 41), at 200, 300 and 500 frames a second
mixed. How many each emotion has is not among the facts that we could check.

The default's ten folds take some eight minutes on one busy core, building included (a
replica of full size); `:quick`, one member of fewer steps, some minutes less.

Published: figures are known to exist; we hold none that was checked. Ours: none, for
want of a copy.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: those of `defaults.finish`."""
  config = defaults.licensed('dfme', 'dfme_7')
  config.data.sheet = 'train'
  config.episodes.update(protocol='kfold', folds=10)
  return defaults.finish(config, arg, {})
