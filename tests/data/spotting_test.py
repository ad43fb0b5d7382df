"""The error of spotted apexes: by hand, on drawn clips, and on a replica's tree."""

import csv
import shutil

import numpy as np
import pytest

from lightman_jax.data import spotting
from lightman_jax.data.choice import choose
from lightman_jax.data.rows import LeftOut, Row
from lightman_jax.faces import apex
from lightman_jax.video.spotting_command import spotting as spotting_command

COMMAND = ('apex', 'casme2', '--landmarks', 'none', '--workers', '1', '--manual_dir')


def row(*, onset=10, top=20, offset=50, fps=100.):
  return Row(clip='a/b', subject='a', dataset='casme2', emotion='', kind='micro',
             onset=onset, apex=top, offset=offset, fps=fps)


def test_errors_by_hand():
  spotted = [spotting.Spotted(row(), 20), spotting.Spotted(row(), 28),
             spotting.Spotted(row(), 18), spotting.Spotted(row(top=30), 28)]
  error = spotting.error_of(spotted)
  assert (error.clips, error.mean, error.median, error.exact) == (4, 3., 2., .25)
  assert error.share == pytest.approx(3 / 40)
  assert error.far == .25                       # 8 of 40 frames is a fifth
  assert error.seconds == pytest.approx(.03)
  assert error.middle == pytest.approx(7.5)


def test_a_rate_that_is_unknown_gives_no_seconds():
  error = spotting.error_of([spotting.Spotted(row(fps=0.), 25)])
  assert np.isnan(error.seconds) and error.mean == 5.


@pytest.fixture
def first_moves_most(monkeypatch):
  """Spotting itself has tests of its own; this one takes the second frame."""
  monkeypatch.setattr(apex, 'spot_apex', lambda frames, points=None: 1)


def of(replica):
  return choose({'name': 'casme2', 'manual_dir': str(replica),
                         'landmarks': 'none'})


def test_annotated_apexes_are_withheld(replica, first_moves_most):
  pairs, left_out = spotting.withhold_apexes(of(replica))
  assert pairs and not left_out
  assert all(known.apex is not None and item.row.apex is None for known, item in pairs)
  for clip in spotting.run_spotting(pairs, workers=1):
    assert clip.row.onset < clip.apex <= clip.row.offset


def test_a_clip_that_cannot_be_read_is_named(replica, tmp_path, first_moves_most):
  folder = shutil.copytree(replica, tmp_path / 'copy')
  pairs, _ = spotting.withhold_apexes(of(folder))
  broken = min(folder.rglob(f'{pairs[0][0].filename}/*.jpg'))
  broken.write_bytes(b'no picture')
  pairs, _ = spotting.withhold_apexes(of(folder))
  results = list(spotting.run_spotting(pairs, workers=1))
  assert len(results) == len(pairs)
  lost, = [entry for entry in results if isinstance(entry, LeftOut)]
  assert lost.clip.endswith(broken.parent.name) and broken.name in lost.in_words[1]


def test_the_command_writes_a_line_a_clip(replica, tmp_path, first_moves_most, capsys):
  table = tmp_path / 'apexes.csv'
  assert spotting_command([*COMMAND, str(replica), '--csv', str(table)]) == 0
  assert 'casme2, micro, no landmarks: ' in capsys.readouterr().out
  lines = list(csv.DictReader(table.read_text().splitlines()))
  pairs, _ = spotting.withhold_apexes(of(replica))
  assert {line['clip'] for line in lines} == {known.clip for known, _ in pairs}
  assert all(int(line['annotated']) >= int(line['onset']) for line in lines)


def test_drawn_clips(capsys):
  assert spotting_command(['apex', 'synthetic', '--landmarks', 'none', '--most', '2']
                          ) == 0
  assert 'synthetic, micro, no landmarks: ' in capsys.readouterr().out


@pytest.mark.parametrize('arguments, why', [
    (['casme4'], "nearest that exists is 'casme"),
    (['manifest'], 'not measured on manifest'),
    (['casme2', '--manual_dir', 'nowhere'], 'nowhere')])
def test_what_cannot_be_measured_says_why(arguments, why, capsys, monkeypatch,
                                          tmp_path):
  monkeypatch.chdir(tmp_path)
  assert spotting_command(['apex', *arguments]) == 2
  assert why in capsys.readouterr().err


def test_a_table_that_cannot_be_written(replica, tmp_path, first_moves_most, capsys):
  (tmp_path / 'file').write_text('')
  assert spotting_command([*COMMAND, str(replica), '--most', '1', '--csv',
               str(tmp_path / 'file' / 'x.csv')]) == 2
  assert '/file; name another folder' in capsys.readouterr().err
