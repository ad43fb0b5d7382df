"""Are the synthetic faces what they claim to be?

  python benchmarks/faces.py --sheet=/path/to/sheet.png

Writes a contact sheet of several people (neutral, micro-expression at apex, what
changed, macro-expression at apex) and prints, for micro-expressions at 64 pixels:
milliseconds a frame; the correlation of measured optical flow with the movement that
made the pictures; UAR of a linear classifier on single apex frames, whose interval
should contain chance (1/3); UF1 of the same classifier on flow, which should lie above
it and below 1. Both classifiers leave one subject out. Five frames a clip;
half a minute for three seeds on one core.
"""

import argparse
import time

import cv2
import numpy as np

from lightman_jax.faces.apex import sample_frames
from lightman_jax.faces.dense_flow import grey, optical_flow
from lightman_jax.synthetic import scenes
from lightman_jax.synthetic.canvas import Canvas

SIZE = 64


def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Optical flow between two RGB pictures, in pixels (x, y)."""
  return optical_flow(*grey(np.stack([first, second])), algorithm='dis')


def face_mask(points: np.ndarray, size: int) -> np.ndarray:
  """Where the face is: the hull of the landmarks."""
  hull = cv2.convexHull(points.astype(np.float32))[:, 0]
  return Canvas(size, 0.).fill((hull + .5) / size) > .5


def flow_correlation(clip: scenes.Rendered) -> float:
  """Pearson's r of measured and true movement, both components, over the face."""
  mask = face_mask(clip.landmarks[0], clip.frames.shape[1])
  measured = flow(clip.frames[0], clip.frames[-1])[mask].ravel()
  return float(np.corrcoef(measured, clip.displacement[-1][mask].ravel())[0, 1])


def strain(field: np.ndarray) -> np.ndarray:
  """The size of the symmetric part of a flow's derivative."""
  du, dv = np.gradient(field[..., 0]), np.gradient(field[..., 1])
  return np.sqrt(du[1]**2 + dv[0]**2 + .5 * (du[0] + dv[1])**2)


def ridge_predictions(
    x: np.ndarray, label: np.ndarray, subject: np.ndarray, *, strength: float
) -> np.ndarray:
  """Class-weighted ridge regression onto one-hot labels, leaving one subject out.

  `strength` is the penalty as a share of the mean squared length of an example.
  """
  predicted = np.zeros_like(label)
  for person in np.unique(subject):
    train, test = subject != person, subject == person
    mean, spread = x[train].mean(0), x[train].std(0).mean() + 1e-9
    a, b = (x[train] - mean) / spread, (x[test] - mean) / spread
    weight = 1. / np.bincount(label[train])[label[train]]
    weight = weight / weight.mean()
    kernel = a @ a.T
    penalty = strength * np.trace(kernel) / len(a)
    target = 3. * np.eye(3)[label[train]] - 1.
    dual = np.linalg.solve(kernel + penalty * np.diag(1. / weight), target)
    predicted[test] = (b @ a.T @ dual).argmax(1)
  return predicted


def uar(label: np.ndarray, predicted: np.ndarray) -> float:
  """Mean recall over the classes that occur."""
  return float(np.mean([np.mean(predicted[label == k] == k) for k in np.unique(label)]))


def uf1(label: np.ndarray, predicted: np.ndarray) -> float:
  """Mean F1 over three classes, from pooled counts."""
  hit = [np.sum((label == k) & (predicted == k)) for k in range(3)]
  both = [np.sum(label == k) + np.sum(predicted == k) for k in range(3)]
  return float(np.mean(2. * np.array(hit) / np.maximum(both, 1)))


def interval(score, label, predicted, subject, *, draws: int = 2000):
  """95 % interval of a score when subjects are drawn again with replacement."""
  rng, names = np.random.default_rng(0), np.unique(subject)
  index = [np.flatnonzero(subject == name) for name in names]
  scores = []
  for _ in range(draws):
    rows = np.concatenate([index[k] for k in rng.integers(0, len(names), len(names))])
    scores.append(score(label[rows], predicted[rows]))
  return np.quantile(scores, [.025, .975])


def measure(
    seed: int, *, subjects: int, micro: int, difficulty: scenes.Difficulty
) -> dict:
  """All figures of one seed."""
  plan = scenes.plan_scenes(
      seed=seed, subjects=subjects, micro=micro, macro=0, fps=200.,
                            difficulty=difficulty)
  start = time.process_time()
  every = [scenes.render_scene(
      s, frames=sample_frames(s.onset, s.apex, s.offset, frames=5), size=SIZE)
           for s in plan]
  seconds = time.process_time() - start
  clips = [scenes.Rendered(*(part[[0, 2]] for part in clip)) for clip in every]
  label = np.array([scenes.CLASSES.index(scenes.CLASS_OF[s.emotion]) for s in plan])
  subject = np.array([s.subject for s in plan])
  still = np.stack([cv2.resize(c.frames[1], (32, 32), interpolation=cv2.INTER_AREA)
                    for c in clips]).reshape(len(plan), -1) / 255.
  moving = []
  for clip in clips:
    field = cv2.resize(flow(*clip.frames), (32, 32), interpolation=cv2.INTER_AREA)
    moving.append(np.concatenate([field, strain(field)[..., None]], -1).ravel())
  guess = {name: ridge_predictions(x, label, subject, strength=.3)
           for name, x in (('still', still), ('moving', np.stack(moving)))}
  return {
      'milliseconds a frame': 1e3 * seconds / (5 * len(plan)),
      'flow correlation': float(np.mean([flow_correlation(c) for c in clips])),
      'apex frame UAR': uar(label, guess['still']),
      'its interval': interval(uar, label, guess['still'], subject),
      'flow UF1': uf1(label, guess['moving']),
      'flow UF1 interval': interval(uf1, label, guess['moving'], subject)}


def contact_sheet(seed: int, *, people: int, size: int) -> np.ndarray:
  """One row a person; for each class: neutral, micro apex, difference, macro apex.

  The last picture is the last macro-expression with its landmarks.
  """
  plan = scenes.plan_scenes(seed=seed, subjects=people, micro=3, macro=3, fps=200.)
  rows = []
  for person in range(people):
    row = []
    own = plan[6 * person:6 * person + 6]
    for small, large in zip(own[:3], own[3:]):
      onset, apex = scenes.render_scene(small, frames=(small.onset, small.apex),
                                        size=size).frames
      change = np.clip(128 + 3 * (apex.astype(int) - onset), 0, 255).astype(np.uint8)
      big = scenes.render_scene(large, frames=(large.apex,), size=size)
      row += [onset, apex, change, big.frames[0]]
    marked = row[-1].copy()
    for x, y in np.round(4 * big.landmarks[0]).astype(int):
      cv2.circle(marked, (int(x), int(y)), 3, (90, 255, 90), -1, cv2.LINE_AA, 2)
    row.append(marked)
    rows.append(np.concatenate(row, 1))
  return np.concatenate(rows, 0)


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--sheet', default='', help='where to write the contact sheet')
  parser.add_argument('--seeds', type=int, default=3)
  parser.add_argument('--subjects', type=int, default=8)
  parser.add_argument('--micro', type=int, default=18)
  flags = parser.parse_args()
  cv2.setNumThreads(1)
  if flags.sheet:
    sheet = contact_sheet(0, people=6, size=128)
    if not cv2.imwrite(flags.sheet, sheet[..., ::-1]):
      raise SystemExit(f'Cannot write {flags.sheet}: is it a .png in a folder that is '
                       'there?')
  for seed in range(flags.seeds):
    figures = measure(seed, subjects=flags.subjects, micro=flags.micro,
                      difficulty=scenes.Difficulty())
    print(f'seed {seed}: ' + ', '.join(
        f'{name} {np.array2string(np.asarray(value), precision=3)}'
        for name, value in figures.items()), flush=True)


if __name__ == '__main__':
  main()
