"""Drawn faces alone, as ready flow pictures: what the open model is trained on.

    python -m lightman_jax final open --out=MODEL

Forty people, 24 micro-expressions each, three classes; five folds of people; u, v and
strain from onset to apex, stretched as the field stores them. Nobody has to be asked for
any of it.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: quick (a quarter of the steps of one narrower network: a minute or two after
  the faces are drawn; computed, not measured), and those of `defaults.finish`."""
  config = defaults.base()
  config.data.update(name='synthetic', class_set='synthetic_3', frames=3, size=64)
  # Movements that stand out of the noise once their amplitude is lost: as far as both
  # kinds together go.
  config.data.synthetic.update(subjects=40, micro=24, macro=3,
                               difficulty=dict(micro=[1., 8.]))
  config.inputs.update(kind='picture', holds='flow', centre='median')
  defaults.recognise(config)
  # No supports: one answer a clip, and a small file. Macro clips are for variants.
  config.method.name = 'supervised'
  config.training.update(steps=400, checkpoint_every=100)
  config.episodes.protocol = 'kfold'
  return defaults.finish(config, arg, {})
