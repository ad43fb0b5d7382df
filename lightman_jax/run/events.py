"""TensorBoard event files: what metrics.jsonl holds, for those who watch it there."""

from collections.abc import Mapping
import importlib.util
import shutil
from typing import Any

from lightman_jax.errors import InputError
from lightman_jax.files import of_fold
from lightman_jax.report import metrics_log
from lightman_jax.report.run_folder import RunFolder


def check(config: Mapping[str, Any]) -> None:
  """Refuses what cannot be written.

  Raises:
    InputError: event files are asked for, and what writes them is not installed.
  """
  if config['evaluation']['tensorboard'] and not importlib.util.find_spec(
      'tensorboardX'):
    raise InputError("evaluation.tensorboard needs tensorboardX: pip install -e "
                     "'.[tensorboard]', or leave the setting out")


def write_fold(config: Mapping[str, Any], folder: RunFolder, fold: str) -> None:
  """All steps of a trained fold, in a folder of its own; anew where it was there."""
  if not config['evaluation']['tensorboard']:
    return
  from tensorboardX import SummaryWriter
  place = of_fold(folder.tensorboard, fold)
  shutil.rmtree(place, ignore_errors=True)
  with SummaryWriter(str(place)) as writer:
    for line in metrics_log.read(folder.metrics):
      if line.get('fold') == fold:
        for name, value in line.items():
          if isinstance(value, float):
            writer.add_scalar(name, value, line['step'])
