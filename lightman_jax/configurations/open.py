"""Drawn faces alone, as ready flow pictures: what the open model is trained on.

    python -m lightman_jax final open --out=MODEL

Thirty people, 18 expressions each, three classes; five folds of people; u, v and
strain from onset to apex, stretched as the field stores them. Nobody has to be asked
for any of it.
"""

from lightman_jax.configurations import defaults, sweeps

sweep = sweeps.sweep


def get_config(arg: str | None = None):
  """Variants: quick (fewer steps of one network: a minute or two
  after the faces are drawn; computed, not measured), and those of `defaults.finish`."""
  config = defaults.base()
  config.data.update(name='synthetic', class_set='synthetic_3', frames=3, size=64)
  # As far as macro-expressions move: once the amplitude is lost, fainter movements are
  # noise and head motion. Framed as anything between published pictures, which are cut
  # to the features, and faces that are aligned here, as those of a video are.
  config.data.synthetic.update(
      subjects=30, micro=18, macro=3, faces='close',
      difficulty=dict(micro=[4., 8.], crop=[.85, .88], crop_spread=.15))
  config.inputs.update(kind='picture', holds='flow', centre='median')
  defaults.recognise(config)
  config.inputs.unit = 'none'      # as the open model was made and measured
  # No supports: one answer a clip, and a small file. Macro clips are for variants.
  config.method.name = 'supervised'
  config.training.update(checkpoint_every=50)
  config.episodes.protocol = 'kfold'
  return defaults.finish(config, arg, {})
