"""CASME (Yan et al. 2013): micro-expressions of 19 subjects at 60 frames/s.

Two sheets of the old binary format, sections A and B, are one edition. The paper counts
195 clips, copies of the sheets hold 189 to 197 rows; the counts below are those of 197.
Subject and file name are no key: 177 pairs for 197 rows, so a clip whose file stands
more than once has its onset in its name. An offset that is not given (a backslash, 21
rows) is read as: the clip ends with its apex; each such clip says so in its notes.
Where the apex lasts, ApexF1 is taken.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

FACTS = Facts(
    name='casme',
    title='CASME',
    sheets=(Sheet('sections', ('Section A', 'Section B'), rows=189),),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('OnsetF',),
        'apex': ('ApexF1',),
        'apex_end': ('ApexF2',),
        'offset': ('OffsetF',),
        'action_units': ('AU', 'AUs', 'Action Units'),
        'emotion': ('Emotion', 'Estimated Emotion'),
    },
    missing=frozenset({'\\', '/', ''}),
    subject='sub{:02d}',
    fps=60.,
    class_sets={
        'casme_4': facts.emotion_classes(
            'tense', 'disgust', 'repression', 'surprise',
            source='CASME (Yan et al. 2013): the four emotions with enough clips'),
        'casme_8': facts.emotion_classes(
            'tense', 'disgust', 'repression', 'surprise', 'happiness', 'sadness',
            'contempt', 'fear', source='CASME (Yan et al. 2013): every emotion'),
    },
    folders=('casme', 'CASME', 'CASME1'),
    editions=(
        Frames('cropped', ('CASME_cropped', 'Cropped', 'cropped', 'CASME_cropped_all'),
               '{subject}/{filename}', True),
        Frames('raw', ('CASME_raw_selected',), '{subject}/{filename}', False),
    ),
    layout=('Cropped/sub01/EP01_12/reg_EP01_12-73.jpg',
            'CASME_raw_selected/sub01/EP01_12/EP01_12-73.jpg'),
    access='it is handed out under a signed release agreement: ask its authors (Yan '
           'et al. 2013, Institute of Psychology, Chinese Academy of Sciences)',
    homepage='http://casme.psych.ac.cn/casme/e1',
    citation="""@inproceedings{yan2013casme,
  title={{CASME} Database: A Dataset of Spontaneous Micro-Expressions Collected from
    Neutralized Faces},
  author={Yan, Wen-Jing and Wu, Qi and Liu, Yong-Jin and Wang, Su-Jing and
    Fu, Xiaolan},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  year={2013}
}""",
    names='EP[0-9].*',
    words={'Section A': '(?<![a-z])a(?![a-z])', 'Section B': '(?<![a-z])b(?![a-z])'},
    naming='repeated',
    ends_with_apex=True,
    expected=(Expected('micro', 197, 19, {
        'tense': 71, 'disgust': 46, 'repression': 40, 'surprise': 21, 'happiness': 9,
        'sadness': 6, 'contempt': 2, 'fear': 2}),),
)
