"""What could move a number is recorded, and what could not is not."""

import jax
import pytest

from lightman_jax.runs import identity
from lightman_jax.runs.environment import jax_settings
from lightman_jax.training import numerics


def test_flags_of_xla_but_for_the_number_of_devices():
  flags = ('--xla_force_host_platform_device_count=8 --xla_cpu_enable_fast_math=true '
           '--xla_dump_to=/tmp/x --xla_b --xla_cpu_enable_fast_math=false')
  assert jax_settings({'XLA_FLAGS': flags})['xla_flags'] == {
      'xla_b': 'true', 'xla_cpu_enable_fast_math': 'false'}
  assert jax_settings({})['xla_flags'] == {}


def test_a_flag_that_is_new_is_one_difference():
  none, one = ({'jax': jax_settings({'XLA_FLAGS': flags})} for flags in ('', '--xla_a'))
  assert identity.describe_differences(identity.find_differences(none, one)) == (
      'jax.xla_flags.xla_a: (absent) -> "true"')
  assert len(identity.find_differences(one, none)) == 1


def test_a_file_of_flags_is_read(tmp_path):
  (tmp_path / 'flags').write_text('--xla_a=1\n--xla_b=2\n')
  assert jax_settings({'XLA_FLAGS': str(tmp_path / 'flags')})['xla_flags'] == {
      'xla_a': '1', 'xla_b': '2'}


@pytest.mark.parametrize('name', [
    'NVIDIA_TF32_OVERRIDE', 'JAX_RANDOM_SEED_OFFSET', 'JAX_OF_A_LATER_VERSION',
    'TF_CUDNN_DETERMINISTIC', 'CUBLAS_WORKSPACE_CONFIG', 'LIBTPU_INIT_ARGS'])
def test_variables_that_could_move_a_number_are_recorded(name):
  assert jax_settings({name: 'x'})['variables'] == {name: 'x'}


@pytest.mark.parametrize('name', [
    *(name.upper() for name in numerics.PINNED), 'JAX_PLATFORMS', 'JAX_NUM_CPU_DEVICES',
    'JAX_COMPILATION_CACHE_DIR', 'JAX_COORDINATOR_ADDRESS', 'JAX_LOG_COMPILES',
    'XLA_PYTHON_CLIENT_PREALLOCATE', 'TF_CPP_MIN_LOG_LEVEL', 'TF_CLI_CONFIG_FILE',
    'PATH', 'XLA_FLAGS'])
def test_what_moves_none_is_not(name):
  assert jax_settings({name: ''})['variables'] == {}


def test_what_a_program_told_jax_is_recorded():
  before = jax_settings({})['flags']
  with jax.softmax_custom_jvp(not jax.config.jax_softmax_custom_jvp):
    after = jax_settings({})['flags']
  assert {name for name in before if before[name] != after[name]} == {
      'jax_softmax_custom_jvp'}
  assert before['jax_random_seed_offset'] == 0
