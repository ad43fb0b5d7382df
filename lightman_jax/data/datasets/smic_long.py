"""SMIC-E HS (Li et al. 2018): 157 long clips of 16 subjects at 100 frames/s.

One workbook holds the sheets HS and VIS. A row is a recording with one to three events;
the first is the clip, and a note says so where there are more, or where the columns of
a further event cannot be read. There is no apex. s18_sur_03 is labelled negative, while
its name and folder say surprise: the sheet's word stands, with a note.
"""

from lightman_jax.data.datasets import smic
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

FACTS = Facts(
    name='smic_long',
    title='SMIC-E HS',
    sheets=(Sheet('HS-E', ('SMIC-HS-E_annotation',), 'HS'),),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('OnsetF',),
        'offset': ('OffsetF',),
        'onset_2': ('Onset2F',),
        'offset_2': ('Offset2F',),
        'onset_3': ('Onset3F',),
        'offset_3': ('Offset3F',),
        'first': ('FirstF',),
        'last': ('LastF',),
        'emotion': ('Emotion',),
    },
    subject='s{:02d}',
    fps=100.,
    class_sets={'smic_3': smic.CLASSES},
    folders=('smic', 'SMIC', 'smic_long'),
    editions=(Frames('raw', ('HS_long/SMIC_HS_E', 'HS_long', 'SMIC_HS_E'),
                     '{folder}/{filename}', False),),
    layout=('HS_long/SMIC_HS_E/s03/s3_ne_03/image302370.jpg',),
    access=smic.ASK,
    homepage=smic.HOMEPAGE,
    citation="""@article{li2018towards,
  title={Towards Reading Hidden Emotions: A Comparative Study of Spontaneous
    Micro-Expression Spotting and Recognition Methods},
  author={Li, Xiaobai and Hong, Xiaopeng and Moilanen, Antti and Huang, Xiaohua and
    Pfister, Tomas and Zhao, Guoying and Pietik{\\"a}inen, Matti},
  journal={IEEE Transactions on Affective Computing},
  volume={9},
  number={4},
  pages={563--577},
  year={2018}
}""",
    owner=smic.OWNER,
    emotions=smic.EMOTIONS,
    absent={'raw': ('s03/s3_ne_03', 's03/s3_ne_20', 's04/s4_ne_05', 's04/s4_ne_06',
                    's09/s9_sur_02')},
    expected=(Expected('micro', 157, 16,
                       {'negative': 66, 'positive': 51, 'surprise': 40}),),
)
