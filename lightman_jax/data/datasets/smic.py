"""SMIC (Li et al. 2013): short clips, whose class and subject are names of folders.

HS are the 164 clips of 16 subjects at 100 frames/s that everyone means; VIS and NIR are
71 each, of 8 subjects at 25 frames/s. There is no sheet, no apex and no action unit.
Frame numbers are absolute: those of the recording. A subject below 10 is unpadded on
disk (`s1`), and padded here and in MEGC2019's list (`s01`).
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames

OWNER = r's(?P<subject>[0-9]+)_(?P<emotion>ne|po|sur)_[0-9]+'
EMOTIONS = {'ne': 'negative', 'po': 'positive', 'sur': 'surprise'}
CITATION = """@inproceedings{li2013smic,
  title={A Spontaneous Micro-Expression Database: Inducement, Collection and Baseline},
  author={Li, Xiaobai and Pfister, Tomas and Huang, Xiaohua and Zhao, Guoying and
    Pietik{\\"a}inen, Matti},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  year={2013}
}"""
ASK = ('it is handed out under a signed release agreement: ask its authors (Li et al. '
       '2013, University of Oulu)')
HOMEPAGE = 'https://www.oulu.fi/cmvs/node/41319'
CLASSES = facts.emotion_classes(*facts.THREE, source='SMIC (Li et al. 2013)')


def _short(camera: str, name: str, fps: float, expected: Expected, **sets) -> Facts:
  place = '{folder}/micro/{emotion}/{filename}'
  return Facts(
      name=name,
      title=f'SMIC {camera}',
      sheets=(),
      columns={},
      subject='s{:02d}',
      folder='s{}',
      fps=fps,
      class_sets={'smic_3': CLASSES, **sets},
      folders=('smic', 'SMIC'),
      editions=(
          Frames('cropped', (f'SMIC_all_cropped/{camera}',), place, True),
          Frames('raw', (f'SMIC_all_raw/{camera}',), place, False)),
      layout=(f'SMIC_all_cropped/{camera}/s1/micro/negative/s1_ne_01/'
              'reg_image559740.bmp',
              f'SMIC_all_raw/{camera}/s1/micro/negative/s1_ne_01/image559740.bmp'),
      access=ASK,
      homepage=HOMEPAGE,
      citation=CITATION,
      owner=OWNER,
      emotions=EMOTIONS,
      expected=(expected,))


HS = _short(
    'HS', 'smic', 100.,
    Expected('micro', 164, 16, {'negative': 70, 'positive': 51, 'surprise': 43}),
    megc_3=CLASSES._replace(source=facts.MEGC_2019))
VIS = _short('VIS', 'smic_vis', 25., Expected(
    'micro', 71, 8, {'negative': 24, 'positive': 28, 'surprise': 19}))
NIR = _short('NIR', 'smic_nir', 25., Expected('micro', 71, 8))
