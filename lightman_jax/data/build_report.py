"""What a build found: the report that lies beside a built data set."""

from collections import Counter
from collections.abc import Mapping
import pathlib
from typing import Any

from lightman_jax.data import planning
from lightman_jax.data.facts import COMPOSITES
from lightman_jax.data.plan import Pixels, Plan
from lightman_jax.data.sources import VERSION

FACELESS = 'no face is found in its onset frame'


def make_report(plan: Plan, details: Mapping[str, Pixels], *, digest: str, sha256: str
           ) -> dict[str, Any]:
  """Returns all that a result must be able to name of the data it stands on.

  Args:
    plan: with the clips that were made, and all that were left out.
    details: clip -> what its making told, beside the pixels.
    digest: of the plan before anything was made, and of the contents of its files.
    sha256: over the content, see `store.content_sha256`.
  """
  counts = Counter(item.label for item in plan.items)
  kinds = Counter(item.row.kind for item in plan.items)
  sources = Counter(details[item.row.clip].apex_source or item.apex_source or 'unknown'
                    for item in plan.items)
  remarks = [[item.row.clip, note] for item in plan.items
             for note in (*map(str, item.row.notes),
                          *[FACELESS] * details[item.row.clip].faceless)]
  report = {
      'dataset': plan.dataset,
      'config': plan.config,
      'class_set': plan.class_set,
      'version': VERSION,
      'clips': len(plan.items),
      'subjects': len({item.row.subject for item in plan.items}),
      'per_class': {name: counts[label] for label, name in enumerate(plan.classes)},
      'without_class': counts[-1],
      'micro': kinds['micro'],
      'macro': kinds['macro'],
      'apex': dict(sorted(sources.items())),
      'corrected': [*map(str, plan.corrected)],
      'left_out': [list(entry.in_words) for entry in plan.left_out],
      'of_other_classes': sorted(plan.outside),
      'remarks': remarks,
      'faceless': sum(details[item.row.clip].faceless for item in plan.items),
      'notes': list(plan.notes),
      'sheet': plan.sheet,
      'sheet_sha256': plan.sheet_sha256,
      'digest': digest,
      'sha256': sha256,
  }
  if plan.dataset in COMPOSITES:
    report['differences'] = list(planning.differences(plan))
  return report


def describe_build(plan: Plan, report: Mapping[str, Any], path: pathlib.Path
                   ) -> list[str]:
  """Lines for the person who waits; the report at `path` says the same at length.

  Args:
    plan: with the clips that were made, and all that were left out.
    report: as `make_report` returns it.
    path: of the report's file.
  """
  name, lines = f'{plan.dataset} ({plan.config})', []
  lost = [clip for clip, _ in plan.left_out if clip not in plan.outside]
  if plan.left_out:
    others = len(plan.left_out) - len(lost)
    lines.append(f'{name}: {len(lost)} clips are left out'
                 + f', and {others} of other classes' * bool(others)
                 + f'; {path} says why.')
  if report['faceless']:
    lines.append(f'{name}: in {report["faceless"]} clips no face is found, so they '
                 f'have no landmarks; {path} names them.')
  lines += [f'{name}: {line}' for line in plan.corrected]
  if report.get('differences'):
    lines.append(f'{name}: this is not the data set as published:')
    lines += report['differences']
  return lines
