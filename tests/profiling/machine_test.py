"""Rates of this machine: of an order of magnitude that machines have."""

import jax

from lightman_jax.profiling import efficiency


def test_rates(monkeypatch):
  monkeypatch.setattr(efficiency, 'LONGEST_RATE', .01)
  rates = efficiency.measure_rates(jax.devices()[0])
  assert 1e8 < rates.matmul < 1e15 and 1e7 < rates.copy < 1e14
