"""SAMM (Davison et al. 2018): 159 micro-expressions of 29 subjects at 200 frames/s.

The header stands below a preamble of 13 rows. Two rows break onset <= apex <= offset
(028_4_1, 032_3_1) and are left out unless a named correction is chosen. File names
begin with the subject, which is checked against the subject's column.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

_MEGC_3 = facts.valence_classes(
    'anger', 'contempt', 'disgust', 'fear', 'sadness', 'happiness', 'surprise',
    source=facts.MEGC_2019)

FACTS = Facts(
    name='samm',
    title='SAMM',
    sheets=(Sheet('v2', ('SAMM_Micro_FACS_Codes_v2',)),
            Sheet('v1', ('SAMM_Micro_FACS_Codes',))),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('Onset Frame',),
        'apex': ('Apex Frame',),
        'offset': ('Offset Frame',),
        'duration': ('Duration',),
        'action_units': ('Action Units',),
        'emotion': ('Estimated Emotion',),
        'objective': ('Objective Classes', 'Objective Class'),
    },
    subject='{:03d}',
    fps=200.,
    class_sets={
        'samm_5': facts.emotion_classes(
            'anger', 'happiness', 'others', 'surprise', 'contempt',
            source='the five emotions with ten clips or more; 136 clips'),
        'samm_3': _MEGC_3,
        'megc_3': _MEGC_3,
        'objective_5': facts.objective_classes(),
    },
    folders=('samm', 'SAMM'),
    editions=(
        Frames('cropped', ('SAMM_CROP', 'SAMM_Cropped', 'SAMM_cropped', 'Cropped'),
               '{subject}/{filename}', True),
        Frames('raw', ('SAMM', 'SAMM_raw', ''), '{subject}/{filename}', False),
    ),
    layout=('SAMM_CROP/006/006_1_2/006_05562.jpg', 'SAMM/006/006_1_2/006_05562.jpg'),
    access='it is handed out under a signed release agreement: ask its authors '
           '(Davison et al. 2018, Manchester Metropolitan University)',
    homepage='http://www2.docm.mmu.ac.uk/STAFF/M.Yap/dataset.php',
    citation="""@article{davison2018samm,
  title={{SAMM}: A Spontaneous Micro-Facial Movement Dataset},
  author={Davison, Adrian K. and Lansley, Cliff and Costen, Nicholas and Tan, Kevin and
    Yap, Moi Hoon},
  journal={IEEE Transactions on Affective Computing},
  volume={9},
  number={1},
  pages={116--129},
  year={2018}
}""",
    owner=r'(?P<subject>[0-9]+)_[0-9]+_[0-9]+',
    remarks={'032/032_3_2': 'the sheet gives the frame after the onset as its apex; a '
                            'typing error is likely'},
    expected=(Expected('micro', 159, 29, {
        'anger': 57, 'happiness': 26, 'others': 26, 'surprise': 15, 'contempt': 12,
        'disgust': 9, 'fear': 8, 'sadness': 6}),),
)
