"""CASME II (Yan et al. 2014): 255 micro-expressions of 26 subjects at 200 frames/s.

The sheet of 2019 differs from that of 2014 in 57 action-unit cells, in three emotions
and by a further column; no frame number differs. The class set `casme2_3` is the part
of MEGC2019 (See et al. 2019): 145 clips of 24 subjects under the labels of 2014. It
names the three relabelled clips, so it is the same under either sheet.
"""

from lightman_jax.annotations.facts import ClassSet, Facts, Sheet

_FIVE = ('happiness', 'surprise', 'disgust', 'repression', 'others')
_MEGC = 'not among the clips of MEGC2019'
_RELABELLED = 'sadness in the sheet of 2014, whose labels define this class set'

FACTS = Facts(
    name='casme2',
    title='CASME II',
    sheets=(Sheet('2014', 'CASME2-coding-20140508'),
            Sheet('2019', 'CASME2-coding-20190701')),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('OnsetFrame',),
        'apex': ('ApexFrame',),
        'offset': ('OffsetFrame',),
        'action_units': ('Action Units',),
        'emotion': ('Estimated Emotion',),
    },
    missing=frozenset({'/', ''}),
    emotions={'other': 'others', 'happy': 'happiness', 'sad': 'sadness'},
    subject='sub{:02d}',
    kind='micro',
    fps=200.,
    class_sets={
        'casme2_5': ClassSet(_FIVE, {name: name for name in _FIVE}),
        'casme2_3': ClassSet(
            ('negative', 'positive', 'surprise'),
            {'disgust': 'negative', 'repression': 'negative',
             'happiness': 'positive', 'surprise': 'surprise'},
            {'sub04/EP12_01f': _MEGC, 'sub05/EP09_05f': _MEGC,
             'sub24/EP07_01': _RELABELLED, 'sub24/EP07_04f': _RELABELLED,
             'sub24/EP10_03': _RELABELLED}),
    },
    folders=('casme2', 'CASME2', 'CASMEII'),
    editions={
        'cropped': ('Cropped', 'Cropped_original', 'Cropped-updated/Cropped',
                    'Cropped-updated'),
        'raw': ('CASME2_RAW_selected',),
    },
    layout=('Cropped/sub01/EP02_01f/reg_img46.jpg',
            'CASME2_RAW_selected/sub01/EP02_01f/img46.jpg'),
    ask='it is handed out under a signed release agreement: ask its authors (Yan et '
        'al. 2014, Institute of Psychology, Chinese Academy of Sciences)',
    homepage='http://casme.psych.ac.cn/casme/e2',
    citation="""@article{yan2014casme2,
  title={{CASME II}: An Improved Spontaneous Micro-Expression Database and the
    Baseline Evaluation},
  author={Yan, Wen-Jing and Li, Xiaobai and Wang, Su-Jing and Zhao, Guoying and
    Liu, Yong-Jin and Chen, Yu-Hsin and Fu, Xiaolan},
  journal={PLoS ONE},
  volume={9},
  number={1},
  pages={e86041},
  year={2014}
}""",
)
