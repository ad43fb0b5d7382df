"""What is told of this machine is so, and asking changes nothing."""

import json

import jax

import lightman_jax
from lightman_jax.runs import info as facts_of_machine, info_command


def test_facts(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'data'))
  (tmp_path / 'data' / 'synthetic').mkdir(parents=True)
  (tmp_path / 'data' / 'synthetic' / 'a').write_bytes(bytes(2**20))
  (tmp_path / 'data' / 'b').write_bytes(bytes(3))
  facts = facts_of_machine.info()
  assert facts['lightman_jax'] == lightman_jax.__version__
  assert facts['packages']['jax'] == jax.__version__
  assert facts['devices']['count'] == len(jax.devices())
  assert facts['folders']['data sets'] == {
      'path': str(tmp_path / 'data'), 'files': 2, 'bytes': 2**20 + 3, 'size': '1 MiB'}
  assert facts['folders']['inputs']['files'] == 0
  assert not (tmp_path / 'cache').exists()
  assert json.loads(json.dumps(facts)) == facts


def test_command(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  assert info_command.info([]) == 0
  lines = capsys.readouterr().out.splitlines()
  assert f'lightman_jax {lightman_jax.__version__}' in lines[0]
  assert f'jax {jax.__version__}' in lines[2] and 'missing' not in lines[2]
  assert f'inputs: {tmp_path}/lightman_jax/inputs, nothing yet' in lines
  assert info_command.info(['--json']) == 0
  assert json.loads(capsys.readouterr().out)['lightman_jax'] == lightman_jax.__version__


def test_a_backend_that_fails_is_part_of_the_report(monkeypatch):
  def fail():
    raise RuntimeError('Unable to initialize backend\nmore')
  monkeypatch.setattr(facts_of_machine.environment, 'devices', fail)
  assert 'devices: Unable to initialize backend' in facts_of_machine.describe(
      facts_of_machine.info())
