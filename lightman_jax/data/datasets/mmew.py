"""MMEW (Ben et al. 2022): 300 micro-expressions at 90 frames/s.

Frames lie under the emotion, not under the subject: Micro_Expression/anger/S01-07-001.
File names read person, emotion, sample. The 900 macro-expressions of the same people
are single pictures without a sheet: `posed.MMEW_MACRO`.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

_SIX = ('happiness', 'anger', 'surprise', 'disgust', 'fear', 'sadness')

FACTS = Facts(
    name='mmew',
    title='MMEW',
    sheets=(Sheet('v1', ('MMEW_Micro_Exp',)), Sheet('v2', ('MMEW_Micro_Exp_v2',))),
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
    subject='S{:02d}',
    fps=90.,
    class_sets={
        'mmew_7': facts.emotion_classes(
            *_SIX, 'others', source='MMEW (Ben et al. 2022)'),
        'mmew_6': facts.emotion_classes(
            *_SIX, source='MMEW (Ben et al. 2022), without others'),
    },
    folders=('mmew', 'MMEW', 'MMEW_Final'),
    editions=(Frames('raw', ('Micro_Expression',), '{emotion}/{filename}', False,
                     ('{subject}/{emotion}/{filename}',)),),
    layout=('Micro_Expression/anger/S01-07-001/1.jpg',),
    access='it is handed out under a signed release agreement: ask its authors (Ben '
           'et al. 2022, Shandong University)',
    homepage='http://www.dpailab.com/database.html',
    citation="""@article{ben2022mmew,
  title={Video-Based Facial Micro-Expression Analysis: A Survey of Datasets, Features
    and Algorithms},
  author={Ben, Xianye and Ren, Yi and Zhang, Junping and Wang, Su-Jing and Kpalma,
    Kidiyo and Meng, Weixiao and Liu, Yong-Jin},
  journal={IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume={44},
  number={9},
  pages={5826--5846},
  year={2022}
}""",
    owner=r'S(?P<subject>[0-9]+)-[0-9]+-[0-9]+',
    expected=(Expected('micro', 300, 30, {
        'happiness': 36, 'anger': 8, 'surprise': 89, 'disgust': 72, 'fear': 16,
        'sadness': 13, 'others': 66}),),
)
