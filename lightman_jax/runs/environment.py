"""What a result was made with: packages, code, data, devices, what jax was told."""

from collections.abc import Mapping
from importlib import metadata
import os
import pathlib
import platform
import re
import subprocess
from typing import Any

from lightman_jax import registry
from lightman_jax.code_digest import code_sha256
from lightman_jax.runs import identity
from lightman_jax.runs.identity import Difference

# What jax, XLA and the libraries below them were told that could move a number.

# Settings of jax beside those that `training.numerics` sets; a version may lack some.
FLAGS = (
    'jax_allow_f16_reductions', 'jax_bcoo_cusparse_lowering',
    'jax_compiler_enable_remat_pass', 'jax_custom_vjp3',
    'jax_disable_most_optimizations', 'jax_enable_custom_prng', 'jax_enable_pgle',
    'jax_exec_time_optimization_effort', 'jax_high_dynamic_range_gumbel',
    'jax_memory_fitting_effort', 'jax_memory_fitting_level', 'jax_optimization_level',
    'jax_pjrt_client_create_options', 'jax_random_seed_offset', 'jax_remat3',
    'jax_scan3', 'jax_softmax_custom_jvp', 'jax_threefry_gpu_kernel_lowering',
    'jax_use_direct_linearize', 'jax_use_magma', 'jax_use_shardy_partitioner')

# Variables of jax, XLA, and the libraries of linear algebra and pictures below.
_VARIABLES = re.compile(
    'JAX_.*|XLA_.*|TF_(CUDNN|XLA|ENABLE|DISABLE|DETERMINISTIC|USE)_.*'
    '|LIBTPU_INIT_ARGS|NVIDIA_TF32_OVERRIDE|CUBLAS.*|CUDNN.*'
    '|NCCL_(ALGO|PROTO)|HIPBLASLT.*|ROCBLAS.*|MIOPEN.*|MKL_CBWR|OPENBLAS_CORETYPE'
    '|NPY_DISABLE_CPU_FEATURES|OPENCV_CPU_DISABLE|OPENCV_IPP')
# Of these: what a run sets itself, what FLAGS and the devices tell already, and what is
# about places, messages, processes or memory.
_NOT = re.compile(
    'JAX_(ENABLE_X64|DEFAULT_PRNG_IMPL|THREEFRY_PARTITIONABLE|DEFAULT_MATMUL_PRECISION'
    '|DISABLE_JIT|DEBUG_.*|NUMPY_(RANK|DTYPE)_PROMOTION|TRANSFER_GUARD.*'
    '|PLATFORMS|PLATFORM_NAME|NUM_CPU_DEVICES|.*_VISIBLE_DEVICES'
    '|(COMPILATION|PERSISTENT)_CACHE_.*|ENABLE_COMPILATION_CACHE'
    '|RAISE_PERSISTENT_CACHE_ERRORS|COORDINATOR_.*|LOCAL_DEVICE_IDS|NUM_PROCESSES'
    '|PROCESS_.*|DISTRIBUTED_.*|CROSS_HOST_.*|ENABLE_PREEMPTION_SERVICE|LOG.*|DUMP_.*'
    '|TRACE.*|EXPLAIN_.*|CHECK_TRACER_LEAKS|ENABLE_CHECKS|INCLUDE_.*|PPRINT_.*)'
    '|XLA_FLAGS|XLA_PYTHON_CLIENT_.*'
    '|CUBLAS_LOG.*|CUDNN_LOG.*')
# Of XLA's: how many devices there are may change, and what is written to look at.
_NOT_FLAG = re.compile('xla_force_host_platform_device_count|xla_dump_.*')


def jax_settings(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
  """What jax was told that could move a number, by the environment or by a program.

  Imports jax, and does not start it.

  Args:
    environ: the variables of this process.
  """
  import jax  # Not above: reading a run folder should not start jax.
  flags = {name: getattr(jax.config, name, None) for name in FLAGS}
  return {'flags': {name: value if isinstance(value, (bool, int, float)) else str(value)
                    for name, value in flags.items() if value is not None},
          'xla_flags': xla_flags(environ), 'variables': variables(environ)}


def variables(environ: Mapping[str, str]) -> dict[str, str]:
  """The variables that could move a number, but for XLA_FLAGS."""
  return {name: value for name, value in sorted(environ.items())
          if _VARIABLES.fullmatch(name) and not _NOT.fullmatch(name)}


def xla_flags(environ: Mapping[str, str]) -> dict[str, str]:
  """XLA's flags that could move a number, the last of each, as XLA reads them.

  Where XLA_FLAGS does not begin as a flag it names a file of them.

  Args:
    environ: the variables of a process.
  """
  text = environ.get('XLA_FLAGS', '').strip()
  if text and not text.startswith('-'):
    try:
      with open(text, encoding='utf-8', errors='replace') as file:
        text = file.read()
    except OSError:
      pass                # XLA says what it makes of that
  pairs = (word.lstrip('-').partition('=') for word in text.split())
  last = {name: value or 'true' for name, _, value in pairs}
  return {name: last[name] for name in sorted(last) if not _NOT_FLAG.fullmatch(name)}


# What a result was made with: packages, code, data, devices.

# What setup.cfg asks for and what computes below it: what a number may depend on.
PACKAGES = (
    'absl-py', 'anyascii', 'array_record', 'flax', 'importlib_resources', 'jax',
    'jaxlib', 'jaxtyping', 'jinja2', 'markupsafe', 'matplotlib', 'ml-collections',
    'numpy', 'opencv-contrib-python-headless', 'opencv-python-headless', 'openpyxl',
    'optax', 'orbax-checkpoint', 'pillow', 'python-calamine', 'rich', 'safetensors',
    'scikit-learn', 'scipy', 'tensorflow-datasets', 'threadpoolctl')
# What is there in the place of another, without TV-L1, and is not missed.
INSTEAD = ('opencv-python-headless',)

# Parts that may change between two starts of one run.
NOTED = ('noted',)
# These may, too, and that is told: the numbers are equal but for the last bits.
LAYOUT = ('count', 'processes', 'used', 'split', 'folds_at_once', 'tasks_at_once')

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
RUN = 'lightman_jax.experiment.run'     # the module that computes a run, stage by stage
# What draws and says what a run computes: no number depends on it.
SHOWN = ('lightman_jax.report', 'lightman_jax.runs.progress')


def environment(*, data_sha256: str | None,
                layout: Mapping[str, Any] | None = None) -> dict[str, Any]:
  """Everything but the configuration that a run's numbers depend on, as plain JSON.

  Starts jax, for its devices.

  Args:
    data_sha256: over the content of every data set that the run reads; None where it
      was not looked at.
    layout: how the work is divided over devices, where that moves the last bits.

  Returns:
    A dictionary whose entries have to be equal to go on with a run, but for 'noted'.
  """
  return {
      'code_sha256': code_version(),
      'data_sha256': data_sha256,
      'python': platform.python_version(),
      'packages': versions(),
      'devices': {**devices(), **(layout or {})},
      'jax': jax_settings(),
      'noted': {'platform': platform.platform(), 'cpus': os.cpu_count(),
                'git_commit': git_commit()},
  }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]
            ) -> tuple[list[Difference], list[Difference]]:
  """What changed between two environments: what matters, and the layout.

  Args:
    before: of `environment`, at an earlier start.
    now: of `environment`.

  Returns:
    Differences that forbid going on, and those of the layout.
  """
  plain = lambda tree: identity.drop_names(tree, (*NOTED, 'resumed_with'))
  differences = identity.find_differences(plain(before), plain(now))
  names = [f'devices.{name}' for name in LAYOUT]
  layout = [part for part in differences if part[0] in names]
  return [part for part in differences if part not in layout], layout


def versions() -> dict[str, str | None]:
  """Installed versions of `PACKAGES`; None where one is missing."""
  by_package = {}
  for name in PACKAGES:
    try:
      by_package[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
      by_package[name] = None
  return by_package


def devices() -> dict[str, Any]:
  """Kind and number of the devices that jax sees."""
  import jax  # Not above: reading a run folder should not start jax.
  visible = jax.devices()
  return {'platform': visible[0].platform, 'kind': visible[0].device_kind,
          'count': len(visible), 'processes': jax.process_count()}


def code_version() -> str:
  """SHA-256 of the code that computes a run, without comments and docstrings.

  That is what a run imports, and what the tables of parts name, which is imported by
  that name.
  """
  named = {place.partition(':')[0] for table in registry.TABLES.values()
           for place in table.values()}
  return code_sha256(RUN, *sorted(named), without=SHOWN)


def git_commit() -> str | None:
  """The commit of the checkout that the package lies in; None for an installed one."""
  root = PACKAGE.parent
  if not (root / '.git').exists():
    return None
  try:
    done = subprocess.run(['git', '-C', str(root), 'rev-parse', 'HEAD'], timeout=10,
                          capture_output=True, text=True)
  except (OSError, subprocess.TimeoutExpired):
    return None
  return done.stdout.strip() if done.returncode == 0 else None
