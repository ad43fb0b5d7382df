"""What jax, XLA and the libraries below them were told that could move a number."""

from collections.abc import Mapping
import os
import re
from typing import Any

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
