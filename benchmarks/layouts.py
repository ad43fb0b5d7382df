"""Is the training curve the same on one device, on eight, and in two processes of four?

    python benchmarks/layouts.py --home=FOLDER          # minutes

Twenty steps of LightmanNet, second order, on made-up faces: four folds, and six tasks a
step, so that neither divides by eight. The devices are forced on the host. A row is a
layout: the largest relative difference of a loss to one device, over all folds and
steps, and whether predictions.csv has the same bytes.
"""

import argparse
import pathlib
import sys
import tempfile
import time

from two_processes import WORDS, apart, ended, pair, start

LAYOUTS = (('1 device', 1, 1, 'folds'),
           ('8 devices, folds', 1, 8, 'folds'), ('8 devices, tasks', 1, 8, 'tasks'),
           ('2 processes x 4 devices, folds', 2, 4, 'folds'),
           ('2 processes x 4 devices, tasks', 2, 4, 'tasks'))


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--home', type=pathlib.Path, help='a new folder; kept')
  home = parser.parse_args().home or pathlib.Path(tempfile.mkdtemp())
  home.mkdir(parents=True, exist_ok=True)
  print('| layout | largest relative difference | predictions.csv | seconds |')
  print('|---|---|---|---|', flush=True)
  bad = 0
  for name, processes, devices, split in LAYOUTS:
    folder = home / name.replace(' ', '-').replace(',', '')
    words = [*WORDS, '--config.method.name=lightman', '--config.training.tasks=6',
             f'--config.training.split={split}',
             f'--workdir={folder}']
    began = time.monotonic()
    codes, said = ended(pair(home, *words, devices=devices) if processes > 1 else
                        [start(home, *words, devices=devices)])
    if set(codes) != {0}:
      raise SystemExit(f'{name}: {said}')
    one = home / '1-device'
    difference = apart(one, folder)
    bad += difference > 1e-5
    same = 'predictions.csv'
    print(f'| {name} | {difference:.1e} | ' + (
        'same bytes' if (one / same).read_bytes() == (folder / same).read_bytes()
        else 'other bytes') + f' | {time.monotonic() - began:.0f} |', flush=True)
  return bool(bad)


if __name__ == '__main__':
  sys.exit(main())
