"""CAS(ME)^2 (Qu et al. 2018): 57 micro- and 300 macro-expressions, 22 subjects, 30/s.

The sheet has no header row. Its participants 1 to 22 and its videos (`anger1`) have
other numbers on disk; the tables below are those of the workbook's own sheets of naming
rules. Missing is 0. In 44 rows, all macro, no offset is given: the clip ends with its
apex, and says so in its notes. The emotion's column counts, not the self-report beside
it. rawpic/s19/23_0502funnyerrors belongs to s23, so a video is found by its own name.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

_SUBJECTS = dict(enumerate(
    (15, 16, *range(19, 28), *range(29, 39), 40), start=1))
_PAPER = 'CAS(ME)^2 (Qu et al. 2018)'

FACTS = Facts(
    name='casme_squared',
    title='CAS(ME)^2',
    sheets=(Sheet('updated', ('CAS(ME)^2code_final(Updated)',)),
            Sheet('final', ('CAS(ME)^2code_final',))),
    columns={},
    positions={'subject': 0, 'filename': 1, 'onset': 2, 'apex': 3, 'offset': 4,
               'action_units': 5, 'emotion': 6, 'kind': 7},
    missing=frozenset({'0', ''}),
    subject='s{:02d}',
    fps=30.,
    class_sets={
        'casme_squared_4': facts.emotion_classes(
            'negative', 'positive', 'surprise', 'others', source=_PAPER),
        'casme_squared_3': facts.valence_classes(
            'negative', 'positive', 'surprise', source=f'{_PAPER}, without others'),
    },
    folders=('casme_squared', 'CAS(ME)^2', 'CASME_sq', 'CASME_squared'),
    editions=(
        # Cropped are the clips, not the videos, in folders of the bare number.
        Frames('cropped', ('cropped',), '{folder}/{video}*', True,
               ('{folder}/{filename}', '{video:.2}/{filename}')),
        Frames('raw', ('rawpic',), '{folder}/{video}*', False),
        Frames('selected', ('selectedpic',), '{folder}/{filename}', False),
    ),
    layout=('cropped/s15/15_0101disgustingteeth/img001.jpg',
            'rawpic/s15/15_0101disgustingteeth/img001.jpg'),
    access='it is handed out under a signed release agreement: ask its authors (Qu '
           'et al. 2018, Institute of Psychology, Chinese Academy of Sciences)',
    homepage='http://casme.psych.ac.cn/casme/e3',
    citation="""@article{qu2018casme,
  title={{CAS(ME)$^2$}: A Database for Spontaneous Macro-Expression and
    Micro-Expression Spotting and Recognition},
  author={Qu, Fangbing and Wang, Su-Jing and Yan, Wen-Jing and Li, He and Wu, Shuhang
    and Fu, Xiaolan},
  journal={IEEE Transactions on Affective Computing},
  volume={9},
  number={4},
  pages={424--436},
  year={2018}
}""",
    kind='',
    subjects=_SUBJECTS,
    video=r'(?P<video>[a-z]+[0-9])_[0-9]+',
    videos={'disgust1': '0101', 'disgust2': '0102', 'anger1': '0401', 'anger2': '0402',
            'happy1': '0502', 'happy2': '0503', 'happy3': '0505', 'happy4': '0507',
            'happy5': '0508'},
    naming='repeated',
    ends_with_apex=True,
    absent={'cropped': ('s15/15_0508*', 's24/24_0507*', 's23/23_0503*',
                        's23/23_0507*')},
    expected=(
        Expected('micro', 57, 14, {'negative': 21, 'others': 19, 'surprise': 9,
                                   'positive': 8}),
        Expected('macro', 300, 20, {'negative': 105, 'positive': 116, 'others': 63,
                                    'surprise': 16})),
)
