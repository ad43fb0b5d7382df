"""CASME II (Yan et al. 2014): 255 micro-expressions of 26 subjects at 200 frames/s.

The sheet of 2019 differs from that of 2014 in 57 action-unit cells, in three emotions
and by a column of objective classes, which a sheet of their own adds to that of 2014;
no frame number differs. The class set `megc_3` is the part of MEGC2019 (See et al.
2019): 145 clips of 24 subjects under the labels of 2014. It names the three relabelled
clips, so it is the same under either sheet.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import ClassSet, Expected, Facts, Frames, Sheet

_MEGC = 'not among the clips of MEGC2019'
_RELABELLED = 'sadness in the sheet of 2014, whose labels define this class set'
_MEGC_3 = ClassSet(
    facts.THREE,
    {'disgust': 'negative', 'repression': 'negative', 'happiness': 'positive',
     'surprise': 'surprise'},
    {'sub04/EP12_01f': _MEGC, 'sub05/EP09_05f': _MEGC, 'sub24/EP07_01': _RELABELLED,
     'sub24/EP07_04f': _RELABELLED, 'sub24/EP10_03': _RELABELLED},
    source=facts.MEGC_2019)
_COMMON = {'others': 99, 'disgust': 63, 'happiness': 32, 'repression': 27, 'fear': 2}
_2014 = {**_COMMON, 'surprise': 25, 'sadness': 7}

FACTS = Facts(
    name='casme2',
    title='CASME II',
    sheets=(Sheet('2014', ('CASME2-coding-20140508',)),
            Sheet('2019', ('CASME2-coding-20190701',), columns=('objective',)),
            Sheet('2014-objective',
                  ('CASME2-coding-20140508', 'CASME2-ObjectiveClasses'))),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('OnsetFrame',),
        'apex': ('ApexFrame',),
        'offset': ('OffsetFrame',),
        'action_units': ('Action Units',),
        'emotion': ('Estimated Emotion',),
        'objective': ('Objective Classes', 'Objective Class'),
    },
    supplement={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'objective': ('Objective Class', 'Objective Classes'),
    },
    missing=frozenset({'/', ''}),
    names='EP[0-9].*',
    subject='sub{:02d}',
    fps=200.,
    class_sets={
        'casme2_5': facts.emotion_classes(
            'happiness', 'surprise', 'disgust', 'repression', 'others',
            source='CASME II (Yan et al. 2014), and most works since'),
        'casme2_3': _MEGC_3,
        'megc_3': _MEGC_3,
        'objective_5': facts.objective_classes(),
    },
    folders=('casme2', 'CASME2', 'CASMEII'),
    editions=(
        Frames('cropped', ('Cropped', 'Cropped_original', 'Cropped-updated/Cropped',
                           'Cropped-updated'), '{subject}/{filename}', True),
        Frames('raw', ('CASME2_RAW_selected',), '{subject}/{filename}', False),
    ),
    layout=('Cropped/sub01/EP02_01f/reg_img46.jpg',
            'CASME2_RAW_selected/sub01/EP02_01f/img46.jpg'),
    access='it is handed out under a signed release agreement: ask its authors (Yan '
           'et al. 2014, Institute of Psychology, Chinese Academy of Sciences)',
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
    expected=(Expected('micro', 255, 26, _2014, '2014'),
              Expected('micro', 255, 26, {**_COMMON, 'surprise': 28, 'sadness': 4},
                       '2019'),
              Expected('micro', 255, 26, _2014, '2014-objective')),
)
