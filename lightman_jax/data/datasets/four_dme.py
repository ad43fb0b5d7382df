"""4DME (Li et al. 2022): micro-expressions coded by emotion and action units.

Its sheet marks units that are there and do not move by `(k)`; they do not count as
acting. Read after its columns and the folders that public loaders expect: how many
clips a complete copy has is not checked.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Facts, Frames, Sheet

FACTS = Facts(
    name='four_dme',
    title='4DME',
    sheets=(Sheet('v1', ('4DME',)),),
    columns={
        'subject': ('sub_ID',),
        'filename': ('fold_name',),
        'onset': ('Onset',),
        'apex': ('Apex',),
        'offset': ('Offset',),
        'action_units': ('AUs', 'AU'),
        'emotion': ('Emotion',),
    },
    subject='{}',
    fps=60.,
    class_sets={'four_dme_5': facts.emotion_classes(
        'positive', 'negative', 'surprise', 'repression', 'others',
        source='4DME (Li et al. 2022)')},
    folders=('four_dme', '4DME'),
    editions=(Frames('raw', ('4DME', 'gray_micro', ''), '{subject}/{filename}',
                     False),),
    layout=('4DME/01/01_02/1.jpg',),
    access='it is handed out under a signed release agreement: ask its authors (Li et '
           'al. 2022, University of Oulu)',
    homepage='https://www.oulu.fi/en/university/faculties-and-units/'
             'faculty-information-technology-and-electrical-engineering/'
             'center-for-machine-vision-and-signal-analysis',
    citation="""@article{li20224dme,
  title={{4DME}: A Spontaneous {4D} Micro-Expression Dataset With Multimodalities},
  author={Li, Xiaobai and Cheng, Shiyang and Li, Yante and Behzad, Muzammil and Shen,
    Jie and Zafeiriou, Stefanos and Pantic, Maja and Zhao, Guoying},
  journal={IEEE Transactions on Affective Computing},
  year={2022}
}""",
)
