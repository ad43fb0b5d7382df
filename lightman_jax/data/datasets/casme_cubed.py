"""CAS(ME)^3 (Li et al. 2023): part A, 860 micro-expressions of 94 subjects at 30/s.

Subject, file name and onset together are the key, so every clip has its onset in its
name. Missing is 0, but an onset of 0 is a frame (spNO.216/e: 0, 0, 25); a clip without
an offset ends with its apex. Four rows break onset <= apex <= offset, so 856 of the 860
can be used, and all with the correction `casme_cubed_spotted`. In 55 rows the apex is
the onset: the recording misses its first frames, its authors say. Part C, the mock
crime, has 165 clips of 30 subjects; only some copies of its sheet give an apex.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

_ASK = ('it is handed out under a signed release agreement: ask its authors (Li et al. '
        '2023, Institute of Psychology, Chinese Academy of Sciences)')
_SOURCE = 'CAS(ME)^3 (Li et al. 2023)'
_HOMEPAGE = 'http://casme.psych.ac.cn/casme/e4'
_CITATION = """@article{li2023casme3,
  title={{CAS(ME)$^3$}: A Third Generation Facial Spontaneous Micro-Expression Database
    with Depth Information and High Ecological Validity},
  author={Li, Jingting and Dong, Zizhao and Lu, Shaoyuan and Wang, Su-Jing and Yan,
    Wen-Jing and Ma, Yinhuan and Liu, Ye and Huang, Changbing and Fu, Xiaolan},
  journal={IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume={45},
  number={3},
  pages={2782--2800},
  year={2023}
}"""

PART_A = Facts(
    name='casme_cubed',
    title='CAS(ME)^3 part A',
    sheets=(Sheet('v2', ('cas(me)3_part_A_ME_label_JpgIndex_v2',)),),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('Onset',),
        'apex': ('Apex',),
        'offset': ('Offset',),
        'action_units': ('AU', 'AUs'),
        'objective': ('Objective class', 'Objective classes'),
        'emotion': ('emotion',),
    },
    missing=frozenset({'0', ''}),
    subject='spNO.{}',
    fps=30.,
    class_sets={
        'casme_cubed_7': facts.emotion_classes(
            'disgust', 'surprise', 'others', 'fear', 'anger', 'sadness', 'happiness',
            source=_SOURCE),
        'casme_cubed_4': facts.valence_classes(
            'disgust', 'surprise', 'fear', 'anger', 'sadness', 'happiness',
            others=True, source=_SOURCE),
        'casme_cubed_3': facts.valence_classes(
            'disgust', 'surprise', 'fear', 'anger', 'sadness', 'happiness',
            source=f'{_SOURCE}, without others'),
    },
    folders=('casme_cubed', 'CAS(ME)^3', 'CASME3'),
    editions=(Frames('raw', ('part_A', 'ME_A'), '{subject}/{filename}/color', False),),
    layout=('part_A/spNO.1/a/color/355.jpg',),
    access=_ASK,
    homepage=_HOMEPAGE,
    citation=_CITATION,
    naming='onset',
    zero_is_a_frame=True,
    ends_with_apex=True,
    names='[a-z]{1,2}',
    lower=True,
    expected=(Expected('micro', 860, 94, {
        'disgust': 250, 'surprise': 187, 'others': 161, 'fear': 86, 'anger': 64,
        'sadness': 57, 'happiness': 55}),),
)

PART_C = Facts(
    name='casme_cubed_c',
    title='CAS(ME)^3 part C',
    sheets=(Sheet('me', ('CAS(ME)3_part_C_ME',)), Sheet('final', ('mockCrimeME',)),
            Sheet('short', ('part_C_ME',))),
    columns={
        'subject': ('sub', 'Subject'),
        'filename': ('count',),
        'onset': ('onset',),
        'apex': ('apex',),
        'offset': ('offset',),
        'action_units': ('au', 'AUs'),
        'emotion': ('emotion',),
    },
    optional=('apex',),
    missing=frozenset({'0', ''}),
    zero_is_a_frame=True,
    subject='{}',
    fps=30.,
    class_sets={
        'casme_cubed_4': facts.emotion_classes(
            *facts.THREE, 'others', source=_SOURCE),
        'casme_cubed_3': facts.emotion_classes(
            *facts.THREE, source=f'{_SOURCE}, without others'),
    },
    folders=('casme_cubed', 'CAS(ME)^3', 'CASME3'),
    # On disk the subject has two digits; padding does not matter there.
    editions=(Frames('raw', ('ME_C', 'part_C'), '{subject}/{filename}/color', False),),
    layout=('ME_C/01/1/color/355.jpg',),
    access=_ASK,
    homepage=_HOMEPAGE,
    citation=_CITATION,
    names='[0-9]+',
    naming='onset',
    expected=(Expected('micro', 165, 30, {
        'negative': 99, 'surprise': 30, 'others': 20, 'positive': 16}),),
)
