"""What the method of a configuration costs, where and with what it was measured."""

from collections.abc import Mapping
import os
from typing import Any

from lightman_jax import registry
from lightman_jax.experiment import assembly
from lightman_jax.experiment.assembly import Material
from lightman_jax.profiling import efficiency
from lightman_jax.runs import environment


def measure_cost(config: Mapping[str, Any], material: Material, devices
                 ) -> dict[str, Any]:
  """The content of efficiency.json: 'about', and 'measures' with their units.

  It holds times, so two runs of one configuration differ in it.

  Args:
    config: complete.
    material: of the run.
    devices: of the run; the first is measured.
  """
  folds = len(material.folds)
  layout = assembly.make_layout(config, devices, folds)
  recipe = assembly.make_recipe(config, material.pool, layout)
  measures = efficiency.measure(recipe, assembly.fold_data(config, material, 0),
                                steps=config['training']['steps'], folds=folds)
  about = {
      'method': registry.label(config['method']['name']),
      'encoder': registry.label(config['model']['encoder']),
      'clip': list(material.pool.x.shape[1:]), 'classes': len(material.pool.classes),
      'shots': config['episodes']['shots'], 'queries': config['episodes']['queries'],
      'macro_clips': recipe.sizes.macros,
      'inner_steps': config['method'].get('inner_steps', 0),
      'tasks_of_a_step': config['training']['tasks'],
      'steps_of_a_fold': config['training']['steps'], 'folds': folds,
      'device': {**environment.devices(), 'count': 1}, 'cpus': os.cpu_count(),
      'versions': environment.versions()}
  return {'about': about, 'measures': measures}
