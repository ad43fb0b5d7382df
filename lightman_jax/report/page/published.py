"""Figures that others published, beside ours and never in a comparison with them.

What decides what such a figure means is how the number of epochs was chosen: on the
held-out person, whom the figure is then no longer a forecast for, or without that
person. `protocol` says what is known of it.
"""

from collections.abc import Iterable
from typing import NamedTuple

HONEST = 'honest: nothing was chosen on the held-out person'
CHOSEN = 'epoch chosen on the held-out person'
LIKELY = 'not stated; most such figures chose the epoch on the held-out person'
UNKNOWN = 'unknown: protocol, classes and settings are not public'


class Published(NamedTuple):
  """One figure; scores as printed, so no digit is made up."""
  method: str
  dataset: str           # as `data.name` of our configurations
  classes: str           # what is known of them
  scores: str
  protocol: str
  source: str

  @property
  def mark(self) -> str:
    """'honest', 'chosen', 'likely' or 'unknown', for the colour of its badge."""
    return {HONEST: 'honest', CHOSEN: 'chosen', LIKELY: 'likely'}.get(
        self.protocol, 'unknown')


_VARANKA = 'Varanka et al. 2023 (arXiv 2211.11425), re-measured'
_MEGC = '3 classes, leave one subject out'
_LIGHTMAN = 'the paper on LightmanNet, its headline row'
# What the authors' own code does: it tests the held-out person after every epoch and
# keeps the best epoch's answers.
_CODE = 'its paper; the choice is in the authors\' code, {}'

PUBLISHED = (
    Published('SSSNet', 'megc2019', _MEGC,
              'UF1 .739 (SMIC .699, CASME II .852, SAMM .602)', HONEST,
              'Varanka et al. 2023 (arXiv 2211.11425), 200 fixed epochs'),
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .7209, UAR .7250', HONEST,
              "the authors' port, fixed epochs"),
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .713', HONEST, _VARANKA),
    Published('OFF-ApexNet', 'megc2019', _MEGC, 'UF1 .703', HONEST, _VARANKA),
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .774', CHOSEN, _VARANKA),
    Published('OFF-ApexNet', 'megc2019', _MEGC, 'UF1 .839', CHOSEN, _VARANKA),
    Published('HTNet', 'megc2019', _MEGC, 'UF1 .8603, UAR .8475', CHOSEN,
              _CODE.format('wangzhifengharrison/HTNet, main_HTNet.py')),
    Published('CausalNet', 'megc2019', _MEGC, 'UF1 .8976, UAR .9020', CHOSEN,
              _CODE.format('tony19980810/CausalNet, main_train.py')),
    *(Published(method, 'megc2019', _MEGC, f'UF1 {uf1}, UAR {uar}', LIKELY,
                'its paper')
      for method, uf1, uar in (
          ('STSTNet', '.7353', '.7605'), ('RCN', '.7432', '.7190'),
          ('FeatRef', '.7838', '.7832'), ('EMR', '.7885', '.7824'))),
    Published('MMNet', 'casme2', '5 classes, leave one subject out',
              'not taken over', CHOSEN,
              _CODE.format('muse1998/MMNet, CASME2_5.py')
              + ' (arXiv 2201.05297)'),
    *(Published('MER-CLIP', 'casme_cubed', f'{classes} classes, leave one subject out',
                f'UF1 {uf1}', CHOSEN,
                _CODE.format("Liusff/MER-CLIP, save_best='acc/UF1'")
                + ' (arXiv 2505.05937)')
      for classes, uf1 in ((3, '.7832'), (4, '.6544'), (7, '.4997'))),
    *(Published(method, 'cd6me', '12 action units, leave one data set out',
                scores, protocol, 'Varanka et al. 2023 (arXiv 2211.11425)')
      for method, scores, protocol in (
          ('SSSNet', 'binary F1 .405, macro F1 .683', HONEST),
          ('constant', 'binary F1 .178', HONEST))),
    *(Published('LightmanNet', dataset, 'not public', scores, UNKNOWN, _LIGHTMAN)
      for dataset, scores in (
          ('samm', 'accuracy .8183 ± .0044, F1 .8293 ± .0035'),
          ('smic', 'accuracy .8519 ± .0034, F1 .8383 ± .0034'),
          ('casme', 'accuracy .8783 ± .0060, F1 .8978 ± .0059'),
          ('casme2', 'accuracy .9348 ± .0042, F1 .9049 ± .0047'),
          ('casme_squared', 'accuracy .8523 ± .0026, F1 .8222 ± .0029'))),
)


def of_data_sets(names: Iterable[str]) -> tuple[Published, ...]:
  """Figures on these data sets; all, where there is none on any of them.

  The parts of a composite are not the composite, but what is known of both is shown
  with either of its names; `smic_hs` and its like count as SMIC.
  """
  wanted = {name.split('_')[0] if name.startswith('smic') else name for name in names}
  shown = tuple(one for one in PUBLISHED if one.dataset in wanted)
  return shown or PUBLISHED
