"""Rates of this machine: of an order of magnitude that machines have."""

import jax

from lightman_jax.evaluation import machine


def test_rates(monkeypatch):
  monkeypatch.setattr(machine, 'LONGEST', .01)
  rates = machine.measure(jax.devices()[0])
  assert 1e8 < rates.matmul < 1e15 and 1e7 < rates.copy < 1e14
