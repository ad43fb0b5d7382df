"""Figures that others published, beside ours and never in a comparison with them.

What decides what such a figure means is how the number of epochs was chosen: on the
held-out person, whom the figure is then no longer a forecast for, or without that
person. `protocol` says what is known of it.
"""

from collections.abc import Iterable
from typing import NamedTuple

HONEST = 'honest: nothing was chosen on the held-out person'
CHOSEN = 'epoch chosen on the held-out person'
LIKELY = 'not told here; most such figures chose the epoch on the held-out person'
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


_VARANKA = 'Varanka et al., re-measured'
_MEGC = '3 classes, leave one subject out'
_LIGHTMAN = 'the paper on LightmanNet, its headline row'

PUBLISHED = (
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .7209, UAR .7250', HONEST,
              "the authors' port, fixed epochs"),
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .713', HONEST, _VARANKA),
    Published('OFF-ApexNet', 'megc2019', _MEGC, 'UF1 .703', HONEST, _VARANKA),
    Published('STSTNet', 'megc2019', _MEGC, 'UF1 .774', CHOSEN, _VARANKA),
    Published('OFF-ApexNet', 'megc2019', _MEGC, 'UF1 .839', CHOSEN, _VARANKA),
    *(Published(method, 'megc2019', _MEGC, f'UF1 {uf1}, UAR {uar}', LIKELY,
                'its paper')
      for method, uf1, uar in (
          ('STSTNet', '.7353', '.7605'), ('RCN', '.7432', '.7190'),
          ('FeatRef', '.7838', '.7832'), ('EMR', '.7885', '.7824'),
          ('HTNet', '.8603', '.8475'), ('CausalNet', '.8976', '.9020'))),
    Published('the leak-free state of the art', 'casme2', '5 classes',
              'UF1 about .71 to .72', HONEST, 'several'),
    Published('the published state of the art', 'casme2', '5 classes',
              'UF1 .80 to .81', LIKELY, 'several'),
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
  asked = {name.split('_')[0] if name.startswith('smic') else name for name in names}
  found = tuple(one for one in PUBLISHED if one.dataset in asked)
  return found or PUBLISHED
