"""Codes of refusals: which of what kind they are, and the page about each.

A code stands for a kind of refusal, as E102 for a value that a setting cannot have, and
stays when sentences are written anew. It goes by the function that refuses.
"""

from collections.abc import Iterator, Sequence
import pathlib
import re
import sys

PAGES = pathlib.Path(__file__).with_name('refusals.md')
OTHER = 'E900'

# Of all refusals of a room, a module, or a function of one; the longest name counts.
CODES = {
    'settings': 'E103', 'coupled_settings': 'E103',
    'settings._check_alone': 'E102', 'settings.changed': 'E101',
    'settings.__call__': 'E101', 'settings._named_part': 'E101',
    'settings.takes_settings': 'E101',
    'settings_command': 'E101',
    'sections': 'E101', 'sections.build': 'E105', 'sections.allow_again': 'E105',
    'sections._refuse_code': 'E105', 'sections.options_of': 'E105',
    'options': 'E102', 'options.read_options': 'E105',
    'registry': 'E105',
    'config_flag': 'E104', 'config_flag._fit': 'E101',
    'configurations': 'E104', 'configurations.defaults': 'E101',
    'configurations.sweeps': 'E106',
    'listed_settings': 'E106', 'listed_settings.noise': 'E102',
    'meta': 'E103', 'models': 'E103', 'models.network.make_encoder': 'E105',
    'experiment': 'E103', 'experiment.launch': 'E104', 'experiment.sweep': 'E106',
    'experiment.classifier': 'E103', 'experiment.notebook': 'E103',
    'runs.cache_command': 'E101', 'refusals': 'E101', 'completion': 'E101',
    'data': 'E203', 'data.sources': 'E201', 'data.sources.check_flow_pictures': 'E206',
    'data.recognition': 'E202', 'data.sheets': 'E202', 'data.workbooks': 'E202',
    'data.user_tables': 'E202', 'data.people': 'E205', 'data.manifest': 'E204',
    'data.manifest_plan': 'E204', 'data.duplicates': 'E205', 'data.protocols': 'E302',
    'data.protocols._check_people': 'E303',
    'data.build': 'E207', 'data.store': 'E207', 'data.load': 'E207',
    'data.workers': 'E207', 'data.plan': 'E303', 'data.facts': 'E203',
    'data.spotting': 'E209', 'doctor': 'E201', 'doctor.command._examine': 'E203',
    'synthetic': 'E208', 'data.synthetic_plan': 'E208',
    'faces': 'E209', 'faces.dense_flow': 'E301', 'faces.apex': 'E301',
    'inputs': 'E301', 'inputs.macros': 'E305',
    'data.facts.macro_label': 'E305',
    'tasks': 'E303', 'tasks.folds': 'E302', 'tasks.few_shot': 'E304',
    'tasks.arrays': 'E306',
    'experiment.assembly': 'E303', 'experiment.assembly._pretraining': 'E403',
    'experiment.assembly._place_inputs': 'E301',
    'experiment.assembly._keep_labelled_macro': 'E305',
    'experiment.assembly._check_alignment_by_class': 'E305',
    'experiment.inputs_command': 'E301', 'experiment.run_start': 'E403',
    'experiment.preconditions': 'E403', 'places': 'E504',
    'experiment.folds_command': 'E302', 'experiment.folds_command.folds': 'E601',
    'experiment.selection': 'E303',
    'models.published_weights': 'E402', 'models.torch_files': 'E402',
    'models.weights_files': 'E402', 'experiment.published_start': 'E402',
    'experiment.pretraining': 'E403', 'models.network.check_clips': 'E301',
    'training': 'E503', 'training.finite': 'E501', 'training.fault': 'E501',
    'training.checkpoints': 'E602', 'profiling': 'E502', 'files': 'E504',
    'experiment.several': 'E503',
    'runs': 'E602', 'runs.folder': 'E601', 'experiment.run': 'E601',
    'experiment.run.run': 'E105',
    'bundle': 'E404',
    'experiment.finished': 'E601', 'experiment.verify': 'E603',
    'experiment.rescoring': 'E603',
    'experiment.replay': 'E604', 'runs.parts': 'E605',
    'runs.parts.check_finished': 'E601', 'experiment.merge': 'E605',
    'evaluation': 'E303', 'evaluation.predict.check_finite': 'E501',
    'evaluation.predict.check_logits': 'E105', 'evaluation.scores': 'E702',
    'evaluation.attribution': 'E301',
    'report': 'E703', 'report.scoring': 'E701',
    'report.predictions': 'E701', 'report.score_command': 'E701',
    'video': 'E801', 'video.command': 'E802', 'video.writers': 'E802',
    'video.page': 'E802', 'video.tables': 'E802', 'video.study': 'E802',
    'video.study_rows': 'E802',
    'video.study_results': 'E802', 'video.live': 'E802',
    'video.intervals': 'E803', 'video.spotting_scores': 'E803',
    'video.spotting_command': 'E803', 'video.long_videos': 'E803',
    'video.annotations': 'E804', 'video.annotations_command': 'E804',
    'video.agreement': 'E804',
}


def code_of(error: BaseException) -> str:
  """The code of a refusal, by the function that raised it.

  One that hands on the sentence of another has that one's code.

  Args:
    error: a refusal that was raised.

  Returns:
    As 'E102'.
  """
  code, sentence = _code_of_place(error), str(error)
  before = error.__context__
  while before is not None:
    # A refusal has this method; what else was handled on the way has not.
    if hasattr(before, 'with_code') and str(before) in sentence:
      code = _code_of_place(before)
    before = before.__context__
  return code


def _code_of_place(error: BaseException) -> str:
  """By the frame in which `raise` stands, which is the last of the traceback."""
  line = error.__traceback__
  if line is None:
    return OTHER
  while line.tb_next is not None:
    line = line.tb_next
  return code_of_place(line.tb_frame.f_globals.get('__name__', ''),
                       line.tb_frame.f_code.co_name)


def code_of_place(module: str, function: str) -> str:
  """The code of what a function refuses.

  Args:
    module: dotted, as 'lightman_jax.data.sheets'.
    function: in it.
  """
  name = f'{module}.{function}'.removeprefix('lightman_jax.')
  while name:
    if name in CODES:
      return CODES[name]
    name = name.rpartition('.')[0]
  return OTHER


def pages() -> dict[str, str]:
  """Each code with its page, whose first line is what it stands for."""
  parts = re.split(r'^## (E\d{3}): ', PAGES.read_text(encoding='utf-8'),
                   flags=re.M)[1:]
  return {code: text.strip() for code, text in zip(parts[::2], parts[1::2])}


def explain(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  from lightman_jax.command_line import Parser  # which imports this
  from lightman_jax.options import suggestion
  parser = Parser(
      prog='python -m lightman_jax explain',
      description='Prints the page about a refusal, by the code at the end of its '
                  'sentence. Without one: all codes.')
  parser.add_argument('codes', metavar='CODE', nargs='*', help='as E102')
  options = parser.parse_args(arguments)
  known = pages()
  codes = ['E' + word.strip('[]').upper().removeprefix('E') for word in options.codes]
  for word, code in zip(options.codes, codes):
    if code not in known:
      print(f'explain: there is no code {word[:80]!r}'
            + suggestion(word[:80], known, before='explain ')
            + '; python -m lightman_jax explain prints what each stands for [E101]',
            file=sys.stderr)
      return 2
  print('\n'.join(_printed(known, codes)))
  return 0


def _printed(known: dict[str, str], codes: Sequence[str]) -> Iterator[str]:
  if not codes:
    for code, text in known.items():
      yield f'{code}  {text.splitlines()[0]}'
  for number, code in enumerate(codes):
    if number:
      yield ''
    yield f'{code}: {known[code]}'
