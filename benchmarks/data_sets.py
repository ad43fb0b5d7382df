"""All data sets at full size, on replicas: what is found, converted and refused.

    python benchmarks/data_sets.py FOLDER [NAME ...]

Writes a replica of each into FOLDER (about 2 GB with all frames left out but three a
clip), builds it, and prints a table in Markdown; lines below it name what was refused.
"""

from collections import Counter
import pathlib
import sys
import tempfile
import time

from lightman_jax.data.choice import CLASS_SETS
from lightman_jax.data.load import load
from lightman_jax.synthetic.replicas.write import write_replica

NAMES = ('casme', 'casme2', 'samm', 'smic', 'smic_vis', 'smic_nir', 'smic_long',
         'casme_squared', 'samm_long', 'casme_cubed', 'casme_cubed_c', 'mmew', 'dfme',
         'megc2019')
PARTS = {'megc2019': ('smic', 'casme2', 'samm'), 'smic_vis': ('smic',),
         'smic_nir': ('smic',)}


def main(folder: pathlib.Path, names: tuple[str, ...]) -> None:
  """Prints the table."""
  print('| data set | class set | clips | refused | of other classes | macro '
        '| subjects | per class | apex | seconds |\n' + '|---' * 10 + '|')
  below = []
  for name in names:
    for part in PARTS.get(name, (name,)):
      if not (folder / part).exists():
        write_replica(part, folder / part, frames=3)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
      info = load({'name': name, 'frames': 3, 'size': 32, 'data_dir': home,
                   'manual_dir': str(folder if name in PARTS else folder / name)},
                  say=lambda line: None).info
    others = set(info['of_other_classes'])
    lost = [entry for entry in info['left_out'] if entry[0] not in others]
    counts = ', '.join(f'{word} {n}' for word, n in info['per_class'].items())
    apex = ', '.join(f'{word} {n}' for word, n in info['apex'].items())
    print(f'| {name} | {CLASS_SETS[name][0]} | {info["clips"]} | {len(lost)} | '
          f'{len(others)} | {info["macro"]} | {info["subjects"]} | {counts} | {apex} | '
          f'{time.monotonic() - began:.0f} |', flush=True)
    below += [f'{name}: {clip}: {reason.replace(str(folder), "FOLDER")}'
              for clip, reason in lost]
    remarks = Counter(note for _, note in info['remarks'])
    below += [f'{name}: {times} x {note}' for note, times in remarks.most_common()]
  print('\n' + '\n'.join(below))


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]), tuple(sys.argv[2:]) or NAMES)
