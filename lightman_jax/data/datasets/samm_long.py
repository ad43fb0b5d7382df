"""SAMM Long Videos (Yap et al. 2020): 343 macro- and 159 micro-expressions, 200/s.

A source of macro-expressions. There is no column of emotions, so a clip has none. Frame
numbers count within a long video and are shifted against SAMM's own sheet. -1 is a
missing apex. The file 037_4_1 stands twice, so its clips have the onset in their names.
"""

from lightman_jax.data.datasets.samm import FACTS as SAMM
from lightman_jax.data.facts import ClassSet, Expected, Facts, Frames, Sheet

FACTS = Facts(
    name='samm_long',
    title='SAMM Long Videos',
    sheets=(Sheet('v2', ('SAMM_LongVideos_V2_Release',)),
            Sheet('v3', ('SAMM_LongVideos_V3_Release',)),
            Sheet('v1', ('SAMM_LongVideos_V1_Release',))),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('Onset', 'Onset Frame'),
        'apex': ('Apex', 'Apex Frame'),
        'offset': ('Offset', 'Offset Frame'),
        'duration': ('Duration',),
        'kind': ('Type',),
        'action_units': ('Action Units',),
    },
    missing=frozenset({'-1', ''}),
    subject='{:03d}',
    fps=200.,
    class_sets={'any': ClassSet(
        ('expression',), {'': 'expression'},
        source='the sheet names no emotion, so there is one class')},
    folders=('samm_long', 'SAMM_LongVideos', 'SAMMLV', 'samm', 'SAMM'),
    editions=(Frames('raw', ('SAMM_longvideos', 'SAMM_LongVideos'), '{video}', False),),
    layout=('SAMM_longvideos/006_1/006_1_0001.jpg',),
    access=SAMM.access,
    homepage=SAMM.homepage,
    citation="""@inproceedings{yap2020sammlong,
  title={{SAMM} Long Videos: A Spontaneous Facial Micro- and Macro-Expressions Dataset},
  author={Yap, Chuin Hong and Kendrick, Connah and Yap, Moi Hoon},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  pages={771--776},
  year={2020}
}""",
    owner=r'(?P<subject>[0-9]+)_[0-9]+_[0-9]+',
    video=r'(?P<video>[0-9]+_[0-9]+)_[0-9]+',
    naming='repeated',
    expected=(Expected('macro', 343, 29), Expected('micro', 159, 29)),
)
