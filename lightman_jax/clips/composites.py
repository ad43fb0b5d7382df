"""Data sets that are put together from others, and what they must then hold."""

from collections.abc import Mapping
from typing import NamedTuple


class Composite(NamedTuple):
  """A data set made of others; its subjects and clips bear their data set's name."""
  name: str
  title: str
  class_set: str
  classes: tuple[str, ...]
  parts: Mapping[str, str]                      # data set -> its class set
  expected: Mapping[str, tuple[int, ...]]       # data set -> clips of each class
  subjects: Mapping[str, int]                   # data set -> subjects with clips
  source: str
  citation: str
  corrections: tuple[str, ...] = ()             # those that keep clips which the sheets
                                                # as they stand lose


MEGC2019 = Composite(
    name='megc2019',
    title='MEGC2019',
    class_set='megc_3',
    classes=('negative', 'positive', 'surprise'),
    parts={'smic': 'megc_3', 'casme2': 'megc_3', 'samm': 'megc_3'},
    expected={'smic': (70, 51, 43), 'casme2': (88, 32, 25), 'samm': (92, 26, 15)},
    subjects={'smic': 16, 'casme2': 24, 'samm': 28},
    corrections=('samm_028_4_1_spotted', 'samm_032_3_1'),
    source='See et al. 2019, MEGC 2019 - The Second Facial Micro-Expressions Grand '
           'Challenge, composite database evaluation',
    citation="""@inproceedings{see2019megc,
  title={{MEGC} 2019 -- The Second Facial Micro-Expressions Grand Challenge},
  author={See, John and Yap, Moi Hoon and Li, Jingting and Hong, Xiaopeng and
    Wang, Su-Jing},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  year={2019}
}""",
)

COMPOSITES = {composite.name: composite for composite in (MEGC2019,)}
