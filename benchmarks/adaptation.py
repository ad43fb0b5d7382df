"""What adapting a carried model to a few clips of a new person or laboratory gains.

    python benchmarks/adaptation.py --out=DIR                         # drawn faces
    python benchmarks/adaptation.py --manifest=FILE.csv --out=DIR     # ready pictures
    python benchmarks/adaptation.py --manifest=FILE.csv --by=laboratory --out=DIR

Trains the settings in folds of people (`--by=person`) or one data set left out at a
time (`--by=laboratory`), makes a bundle of each fold, and adapts it to 1, 3 and 5
labelled clips of each class of whom it has not seen, `--draws` times. Three models are
tested on the same clips: the one that is carried (`general`, adapted to people of its
training), the same at its initialisation (`not adapted`), and the one adapted to
somebody.

By person: clips of one person, and tested are this person's other clips; people with
fewer clips of a class than are adapted to, or with no other clip, are left out, and
counted. By laboratory: clips of its people, and tested are those of its other people.
What was adapted to is never tested. Intervals are over people, whom all draws of theirs
go with, and over the models of folds (`evaluation/intervals.py`); by laboratory, where
a model is a whole data set's, over people alone, for the models that were trained.

Writes `adaptation.csv`, `adaptation.png`, and a table in Markdown to the terminal.
"""

import argparse
import csv
import pathlib
import sys
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

import lightman_jax as lm
from lightman_jax import keys
from lightman_jax.evaluation import intervals, scores
from lightman_jax.files import write_atomically
from lightman_jax.report.agg import Figure
from lightman_jax.report.figures import save
from lightman_jax.report.style import COLOURS, figure_style

MODELS = ('not adapted', 'general', 'adapted')


class Tested(NamedTuple):
  """Counts (models, people, K, K) at one number of shots, and the fold of each."""
  shots: int
  counts: np.ndarray
  fold: np.ndarray
  left_out: int


def supports_of_person(rng, label, person, shots, classes):
  """Draws of one person each: numbers of what is adapted to and of what is tested."""
  for one in np.unique(person):
    mine = np.flatnonzero(person == one)
    by_class = [mine[label[mine] == k] for k in range(classes)]
    if min(map(len, by_class)) < shots or len(mine) <= shots * classes:
      continue
    support = np.concatenate([rng.choice(own, shots, replace=False)
                              for own in by_class])
    yield support, np.setdiff1d(mine, support)


def supports_of_laboratory(rng, label, person, shots, classes):
  """One draw over all people: those with a clip in the support are not tested."""
  support = np.concatenate([
      rng.choice(np.flatnonzero(label == k), shots, replace=False)
      for k in range(classes)])
  rest = np.flatnonzero(~np.isin(person, person[support]))
  yield support, rest


def answers(model, x):
  """The class of every clip; a prediction depends on its own clip alone."""
  return np.array([model.classes.index(name)
                   for name in model.predict(x, encoded=True).classes])


def test(options, run, data) -> list[Tested]:
  """Adapts and tests, fold by fold."""
  pool, made = data.pool, []
  draws_of = (supports_of_person if options.by == 'person' else
              supports_of_laboratory)
  classes, people = len(pool.classes), len(pool.subjects)
  counts = {n: np.zeros((3, people, classes, classes), int) for n in options.shots}
  fold_of = np.full(people, -1)
  for number, fold in enumerate(data.folds):
    place = options.out / 'models' / f'{number}'
    if not (place / 'model.json').is_file():
      lm.train_final(run, place, fold=fold.held_out)
    general = lm.load_model(place)
    plain = general.before_adaptation()
    at = np.flatnonzero(fold.test)
    x, label, person = (np.asarray(part[at]) for part in (pool.x, pool.label,
                                                          pool.subject))
    fold_of[np.unique(person)] = number
    before = [answers(plain, x), answers(general, x)]
    for shots in options.shots:
      for draw in range(options.draws):
        rng = keys.generator(options.seed, 'adaptation', fold.held_out, str(shots),
                             str(draw))
        for support, rest in draws_of(rng, label, person, shots, classes):
          adapted = general.adapt(
              x[support], [pool.classes[k] for k in label[support]],
              [('test', pool.subjects[n]) for n in person[support]], encoded=True)
          counts[shots] += np.stack([scores.confusion_by(
              person[rest], label[rest], one[rest], groups=people, classes=classes)
              for one in (*before, answers(adapted, x))])
    print(f'{fold.held_out}: done', file=sys.stderr)
  for shots in options.shots:
    tested = np.flatnonzero(counts[shots].any((0, 2, 3)))
    made.append(Tested(shots, counts[shots][:, tested], fold_of[tested],
                       int((fold_of >= 0).sum()) - len(tested)))
  return made


def rows_of(tested: Tested, draws: int, by: str) -> list[dict]:
  """UF1 and UAR of the three models, and what adapting adds, with 95 % intervals."""
  fold = tested.fold if by == 'person' else None
  rows = []
  for name, score in (('UF1', scores.uf1), ('UAR', scores.uar)):
    start = {'shots': tested.shots, 'score': name, 'people': len(tested.fold),
             'left_out': tested.left_out,
             'clips': int(tested.counts[0].sum()) // draws}
    for model, counts in zip(MODELS, tested.counts):
      low, high = intervals.subject_interval(counts, score, folds=fold)
      rows.append({**start, 'row': model, 'value': float(score(counts.sum(0))),
                   'low': low, 'high': high})
    for k, other in enumerate(MODELS[:2]):
      one, two = tested.counts[2], tested.counts[k]
      low, high = intervals.paired_interval(one, two, score, folds=fold)
      rows.append({**start, 'row': f'adapted - {other}',
                   'value': float(score(one.sum(0)) - score(two.sum(0))),
                   'low': low, 'high': high})
  return rows


def span(low: float, high: float, form: str = '.3f') -> str:
  """An interval in words; of one person there is none."""
  return f'[{low:{form}}, {high:{form}}]' if np.isfinite(low) else '[-, -]'


def draw(path: pathlib.Path, rows: list[dict], title: str, caption: list[str]) -> None:
  """UF1 by shots, with intervals; and what adapting adds.

  Points are not joined: who can be tested differs from one number of shots to the next.
  """
  with figure_style([title, *caption]) as letters:
    figure = Figure(figsize=(9.6, 4.), layout='constrained')
    for number, names in enumerate((MODELS, [f'adapted - {m}' for m in MODELS[:2]])):
      axes = figure.add_subplot(1, 2, number + 1)
      for k, name in enumerate(names):
        mine = [row for row in rows if row['row'] == name and row['score'] == 'UF1']
        shots = np.arange(len(mine)) + .08 * (k - 1)
        value, low, high = (np.array([row[key] for row in mine])
                            for key in ('value', 'low', 'high'))
        axes.errorbar(shots, value, [np.maximum(value - low, 0.),
                                     np.maximum(high - value, 0.)], fmt='o', capsize=3,
                      color=COLOURS[f'c{k}'], label=name)
      axes.set_xticks(range(len(mine)), [
          f'{row["shots"]}\n{row["people"]} people' for row in mine])
      axes.set_xlabel('clips of each class that were adapted to')
      axes.set_ylabel('UF1' if not number else 'difference of UF1')
      if number:
        axes.axhline(0., color='grey', linewidth=.8)
      axes.legend(fontsize=8)
    figure.suptitle(letters.drawable(title), fontsize=11)
    save(path, figure, map(letters.drawable, caption))


def verdict(rows: list[dict]) -> list[str]:
  """Whether it gains anything, in words."""
  lines = []
  for row in rows:
    if row['score'] == 'UF1' and row['row'].startswith('adapted - '):
      other = row['row'].removeprefix('adapted - ')
      words = ('gains' if row['low'] > 0 else 'loses' if row['high'] < 0 else
               'gains nothing that can be told from chance' if row['people'] > 1 else
               'was seen in one person alone, which says nothing: it adds')
      lines.append(f'{row["shots"]} a class: adapting {words} over {other} '
                   f'({row["value"]:+.3f} {span(row["low"], row["high"], "+.3f")})')
  return lines


def settings_of(options) -> dict:
  """Of a manifest's ready pictures, or of drawn faces."""
  protocol = ('kfold' if options.by == 'person' else 'leave_one_dataset_out')
  changes = {'seed': options.seed, 'episodes.protocol': protocol}
  if options.encoder:
    changes['encoder'] = options.encoder
  if options.steps:
    changes.update({'training.steps': options.steps,
                    'training.checkpoint_every': options.steps})
  if options.manifest:
    return lm.settings(f'manifest:{options.variants}'.rstrip(':'),
                       method=options.method, **{
                           'data.path': str(options.manifest), 'macro.source': 'none',
                           **changes})
  return lm.settings(f'synthetic:{options.variants}'.rstrip(':'), method=options.method,
                     **{'data.synthetic.subjects': options.people,
                        'data.synthetic.micro': 36, 'macro.source': 'own', **changes})


def main() -> None:
  """Runs it."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--manifest', type=pathlib.Path)
  parser.add_argument('--by', choices=('person', 'laboratory'), default='person')
  parser.add_argument('--method', default='lightman')
  parser.add_argument('--encoder', default='', help="'': that of the settings")
  parser.add_argument('--variants', default='quick')
  parser.add_argument('--people', type=int, default=20, help='drawn ones')
  parser.add_argument('--shots', default='1,3,5')
  parser.add_argument('--draws', type=int, default=5)
  parser.add_argument('--steps', type=int, default=0, help='0: those of the settings')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  options = parser.parse_args()
  options.shots = [int(n) for n in options.shots.split(',')]
  settings = settings_of(options)
  run = lm.run(settings, options.out / 'run')
  tested = test(options, run, lm.load(settings))
  rows = [row for one in tested for row in rows_of(one, options.draws, options.by)]
  with write_atomically(options.out / 'adaptation.csv') as file:
    table = csv.DictWriter(file, list(rows[0]), lineterminator='\n')
    table.writeheader()
    table.writerows(rows)
  print('| a class | people, clips | ' + ' | '.join(
      [*MODELS, 'over general', 'over not adapted']) + ' |')
  print('|' + '---|' * 7)
  for one in tested:
    mine = {row['row']: row for row in rows
            if row['shots'] == one.shots and row['score'] == 'UF1'}
    cells = [f'{mine[name]["value"]:.3f} {span(mine[name]["low"], mine[name]["high"])}'
             for name in (*MODELS, 'adapted - general', 'adapted - not adapted')]
    first = mine['adapted']
    print(f'| {one.shots} | {first["people"]} ({first["left_out"]} left out), '
          f'{first["clips"]} | ' + ' | '.join(cells) + ' |')
  print(*verdict(rows), sep='\n')
  draw(options.out / 'adaptation.png', rows,
       f'UF1 on people nobody was trained on, adapted by {options.by}',
       [f'{options.method}, {options.encoder or options.variants}, '
        f'{options.manifest.name if options.manifest else "drawn faces"}, seed '
        f'{options.seed}, {options.draws} draws; 95 % intervals over people and models',
        *verdict(rows)])


if __name__ == '__main__':
  main()
