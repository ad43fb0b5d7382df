"""Several processes, on one host or on many, that train one run.

All run the same program and meet at its joints. Process 0 alone reads and writes the
run folder: it tells the others what it found there (`first`), and gets from them what
they trained (`gather`). States are small beside the work that made them, so no file is
written by two hands, a checkpoint does not depend on how many processes there were, and
the delays of a shared file system matter to nobody. It also alone predicts and reports;
meanwhile the others may go on with the next folds.

Where one process is lost the others end, too: a collective fails, or a heartbeat stays
out. What then remains to be said, `experiment.several` says.
"""

from collections.abc import Callable, Iterator
import contextlib
import itertools
import json
from typing import Any, TypeVar

import jax

# The service that the processes of a run share; public jax offers collectives only,
# which wait for seconds where a data set takes hours to build.
from jax._src import distributed
from jax.experimental import multihost_utils
import numpy as np

from lightman_jax.errors import InputError

T = TypeVar('T')

FOREVER = 10 * 24 * 3600 * 1000         # ms
PIECE = 2**20                           # characters that the service takes at once
LINGER, PATIENCE = 10_000, 600_000      # ms

_turns = itertools.count()              # all processes take the same ones


def start(*, coordinator: str | None, processes: int | None, process: int | None,
          heartbeat: int) -> None:
  """Joins the processes of a run; call before anything else starts jax.

  Args:
    coordinator: HOST:PORT of process 0. None, as the next two: the cluster knows
      (Slurm, Open MPI, Kubernetes, Cloud TPU).
    processes: how many there are.
    process: which this is.
    heartbeat: seconds after which a silent process is taken for dead.

  Raises:
    InputError: there is no cluster here that tells, or not all processes came.
  """
  # It would keep SIGTERM from this program.
  jax.config.update('jax_enable_preemption_service', False)
  try:
    jax.distributed.initialize(coordinator, processes, process,
                               heartbeat_timeout_seconds=heartbeat,
                               shutdown_timeout_seconds=heartbeat)
  except (ValueError, RuntimeError) as error:
    if coordinator is None:
      raise InputError(
          'no cluster is found that says how many processes there are and which this '
          f'is ({str(error).splitlines()[0]}); give --coordinator=HOST:PORT '
          '--processes=N --process=I') from None
    raise InputError(f'process {process} of {processes} cannot meet the others at '
                     f'{coordinator}: {str(error).splitlines()[0]}') from None


def count() -> int:
  """How many processes train the run."""
  return distributed.global_state.num_processes or 1


def is_first() -> bool:
  """Whether this process is the one that writes."""
  return distributed.global_state.process_id == 0


def first(work: Callable[[], Any]) -> Any:
  """What process 0 gets of `work`, which it alone does; plain JSON values.

  Args:
    work: what gives the value.

  Raises:
    InputError: as process 0 did.
  """
  if count() == 1:
    return work()
  turn = next(_turns)
  if not is_first():
    message = json.loads(_receive(turn))
    if 'error' in message:
      _meet(turn, LINGER)
      raise InputError(f'process 0 says: {message["error"]}')
    return message['value']
  try:
    value = work()
  except (InputError, OSError) as error:
    _send(turn, json.dumps({'error': str(error)}))
    with contextlib.suppress(jax.errors.JaxRuntimeError):
      _meet(turn, LINGER)               # with this process the service would end
    raise
  _send(turn, json.dumps({'value': value}))
  return value


def in_turn(work: Callable[[], T]) -> T:
  """`work` in process 0, then in the others: what it builds, they find.

  Args:
    work: done once in every process.
  """
  values = []
  first(lambda: values.append(work()))
  return values[0] if values else work()


@contextlib.contextmanager
def ending_together() -> Iterator[None]:
  """Where all processes refuse to go on, the first may have more to do before it ends.

  Who left without it would be taken for lost.
  """
  try:
    yield
  except InputError:
    if count() > 1:
      with contextlib.suppress(jax.errors.JaxRuntimeError):
        _meet(next(_turns), LINGER if is_first() else PATIENCE)
    raise


def gather(tree):
  """The parts of all processes, one after the other along the first axis, bit by bit.

  Leaves have the same shape in every process.

  Args:
    tree: of arrays on the host.
  """
  if count() == 1:
    return tree
  leaves, form = jax.tree.flatten(jax.tree.map(np.ascontiguousarray, tree))
  packed = np.concatenate([np.frombuffer(leaf.tobytes(), np.uint8) for leaf in leaves])
  # A collective waits for seconds only, a barrier as long as it takes.
  _meet(next(_turns), FOREVER)
  rows = np.asarray(multihost_utils.process_allgather(packed))
  ends = np.cumsum([leaf.nbytes for leaf in leaves])
  parts = np.split(rows, ends[:-1], axis=1)
  return form.unflatten([
      np.concatenate([np.frombuffer(row.tobytes(), leaf.dtype).reshape(leaf.shape)
                      for row in part]) for leaf, part in zip(leaves, parts)])


def anywhere(condition: bool) -> bool:
  """Whether it is so in any process.

  Args:
    condition: of this process; all of them ask at the same place.
  """
  return bool(gather(np.array([condition])).any())


def _service() -> Any:
  """The client of the service that the processes share."""
  client = distributed.global_state.client
  if client is None:
    raise RuntimeError('this process has joined no others; see `start`')
  return client


def _meet(turn: int, timeout: int) -> None:
  _service().wait_at_barrier(f'lightman_jax/{turn}', timeout)


def _send(turn: int, text: str) -> None:
  client, name = _service(), f'lightman_jax/{turn}'
  pieces = [text[n:n + PIECE] for n in range(0, len(text), PIECE)]
  for n, piece in enumerate(pieces):
    client.key_value_set(f'{name}/{n}', piece)
  client.key_value_set(name, str(len(pieces)))


def _receive(turn: int) -> str:
  client, name = _service(), f'lightman_jax/{turn}'
  pieces = int(client.blocking_key_value_get(name, FOREVER))
  return ''.join(client.blocking_key_value_get(f'{name}/{n}', FOREVER)
                 for n in range(pieces))
