"""Held-out clips under noise, predicted by the very models that the run reports.

Supports and training clips stay clean: the question is what a model that was made in
the laboratory does outside of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lightman_jax import bounded, listed_settings
from lightman_jax.data.store import ClipSet
from lightman_jax.experiment.assembly import Material
from lightman_jax.files import fold_path
from lightman_jax.inputs import augmentation, inputs
from lightman_jax.runs import results
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.units import counted


def noise_kinds(config: Mapping[str, Any], material: Material,
                say: Callable[[str], None] = lambda line: None) -> tuple[str, ...]:
  """Those of `evaluation.noise` that mean something here; says which of 'all' do not.

  Args:
    config: complete.
    material: of the run.
    say: called with a line on what 'all' leaves out.

  Raises:
    InputError: one that was asked for by name means nothing for these inputs.
  """
  names = listed_settings.noise(config['evaluation']['noise'])
  how, length = inputs.Settings(**config['inputs']), material.clips.frames.shape[1]
  if config['evaluation']['noise'] != 'all':
    augmentation.check_noise(names, how, length)
    return names
  known = augmentation.applicable_noise(how, length)
  meaningless = [name for name in names if name not in known]
  say(f'evaluation.noise=all is {", ".join(known)}: {", ".join(meaningless)} mean '
      f'nothing for inputs.kind={how.kind} with {counted(length, "stored frame")} a '
      'clip')
  return known


def write_fold(config: Mapping[str, Any], folder: RunFolder, material: Material,
               number: int, predict: Callable[..., Any]) -> None:
  """Predicts a fold's held-out clips under every kind and level, and keeps the logits.

  Args:
    config: complete.
    folder: of the run; nothing is written where no noise is asked for.
    material: of the run.
    number: of the fold.
    predict: (x, copies) -> `Held`: `copies` times as many clips as the fold holds out.
  """
  names, length = noise_kinds(config, material), material.clips.frames.shape[1]
  if not names:
    return
  clips, how = held_out_clips(material, number), inputs.Settings(**config['inputs'])
  noisy = {name: [n for n in augmentation.noise_levels(name, length) if n]
           for name in names}
  most = max(map(len, noisy.values()))
  logits = {}
  for name, levels in noisy.items():
    noised = (augmentation.corrupt_clips(clips, name, n, seed=config['seed'])
              for n in levels)
    x = [inputs.make_inputs(one, how) for one in noised]
    # All kinds in one shape, so that one program is compiled.
    noisy_logits = predict(x=np.concatenate(x), copies=most).logits
    logits[name] = np.split(np.array(noisy_logits), len(levels))
  write_json(_place(folder, material, number), logits)


def held_out_clips(material: Material, number: int) -> ClipSet:
  """The stored frames and landmarks of a fold's test clips, in the pool's order.

  Args:
    material: of the run.
    number: of the fold.
  """
  clips = material.clips
  index_of = {name: n for n, name in enumerate(clips.clip)}
  index = [index_of[material.pool.clips[n]]
           for n in np.flatnonzero(material.folds[number].test)]
  return clips._replace(frames=clips.frames[index], landmarks=clips.landmarks[index],
                        clip=tuple(clips.clip[n] for n in index))


def noise_rows(config: Mapping[str, Any], folder: RunFolder, material: Material,
               clips: results.Clips, about: results.About, clean: np.ndarray
               ) -> dict[str, list[dict[str, Any]]]:
  """For each kind a list of levels: {'level', 'unit', 'row'}, rows as of the results.

  Args:
    config, folder, material: of the run, all of whose folds are predicted.
    clips: all held-out clips, fold after fold.
    about: of the results.
    clean: their predicted classes without noise.
  """
  names, length = noise_kinds(config, material), material.clips.frames.shape[1]
  levels_by_kind = {}
  parts = [read_json(_place(folder, material, number), bounded.MOST_BYTES)
           for number in range(len(material.folds) if names else 0)]
  for name in names:
    with blaming(folder.robustness):
      noisy = np.concatenate([np.array(part[name]).argmax(-1) for part in parts], 1)
    remaining, levels = iter(noisy), augmentation.noise_levels(name, length)
    answers = [next(remaining) if level else clean for level in levels]
    levels_by_kind[name] = [
        {'level': level, 'unit': augmentation.KINDS[name].unit,
         'row': results.summarise(
             {name: answer}, clips, about,
             resamples=config['evaluation']['resamples'])['rows'][name]}
        for level, answer in zip(levels, answers)]
  return levels_by_kind


def _place(folder: RunFolder, material: Material, number: int):
  return fold_path(folder.robustness, material.folds[number].held_out, '.json')
