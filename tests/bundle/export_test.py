"""The network of a bundle by itself gives what the model gives."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.bundle import export
from lightman_jax.inputs import inputs

# Of the package nothing is there.
ALONE = '''
import sys
sys.modules['lightman_jax'] = None
import jax, numpy as np
from jax import export
file, before, after = sys.argv[1:]
program = export.deserialize(open(file, 'rb').read())
assert set(program.platforms) == {'cpu', 'cuda', 'tpu'}
np.save(after, program.call(np.load(before)))
'''


@pytest.fixture
def inside(untrained_convolutions):
  """A model, encoded inputs of three clips, and what it says of them."""
  model = lm.load_model(untrained_convolutions)
  rng = np.random.default_rng(0)
  pictures = rng.integers(0, 255, (3, 28, 28, 3), dtype=np.uint8)
  x = np.stack([inputs.encode_clip(one[None], None, inputs.Settings(
      **model.about['settings']['inputs'])) for one in pictures])
  return model, x, np.log(model.predict(pictures).probabilities)


@pytest.mark.skipif(importlib.util.find_spec('flatbuffers') is None,
                    reason='of the extra export')
def test_stablehlo_runs_without_the_package(inside, tmp_path):
  model, x, want = inside
  path = export.write(model, tmp_path, 'stablehlo')
  np.save(tmp_path / 'x.npy', x)
  for count in (1, 3):
    np.save(tmp_path / 'x.npy', x[:count])
    subprocess.run([sys.executable, '-c', ALONE, path, tmp_path / 'x.npy',
                    tmp_path / 'y.npy'], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / 'y.npy'), want[:count], rtol=1e-5,
                               atol=1e-5)


def test_what_is_not_installed_is_said(monkeypatch):
  monkeypatch.setattr(export.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(lm.InputError, match=r'needs flatbuffers, which .*\[export\]'):
    export.check_installed('stablehlo')
