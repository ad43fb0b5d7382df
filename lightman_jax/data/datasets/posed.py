"""Posed macro-expressions: CK+, Oulu-CASIA, MUG; JAFFE, KDEF, RaFD, Yale, MMEW's.

Sequences of the first two run from neutral to the apex, those of MUG back to neutral,
too. The others are single pictures, each of which is a pair with a neutral one of the
same person: of the same session (KDEF), direction of gaze (RaFD), or take (JAFFE); Yale
has one each, and MMEW none, so that the first frame of a micro-expression stands in.
Counts are those published; of none have we seen a copy.
"""

from lightman_jax.data import facts
from lightman_jax.data.datasets.mmew import FACTS as MMEW
from lightman_jax.data.facts import Beside, Expected, Facts, Frames, Stills

_SIX = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')


def _class_sets(name: str, source: str, *more: str) -> dict[str, facts.ClassSet]:
  return {f'{name}_{len(_SIX) + len(more)}': facts.emotion_classes(
              *_SIX, *more, source=source),
          f'{name}_3': facts.valence_classes(
              *_SIX, *more, source=f'{source}, folded as by {facts.MEGC_2019}')}


CK_PLUS = Facts(
    name='ck_plus',
    title='CK+',
    sheets=(), columns={},
    subject='S{:03d}',
    fps=30.,
    class_sets=_class_sets('ck_plus', 'CK+ (Lucey et al. 2010)', 'contempt'),
    folders=('ck_plus', 'CK+', 'CKplus', 'extended-cohn-kanade-images'),
    editions=(Frames('raw', ('cohn-kanade-images',), '{folder}/{filename}', False),),
    layout=('cohn-kanade-images/S005/001/S005_001_00000011.png',
            'Emotion/S005/001/S005_001_00000011_emotion.txt',
            'FACS/S005/001/S005_001_00000011_facs.txt',
            'Landmarks/S005/001/S005_001_00000011_landmarks.txt'),
    access='it is handed out under an agreement: ask its authors (Lucey et al. 2010, '
           'University of Pittsburgh)',
    homepage='https://www.jeffcohn.net/resources/',
    citation="""@inproceedings{lucey2010extended,
  title={The Extended Cohn-Kanade Dataset ({CK+}): A Complete Dataset for Action Unit
    and Emotion-Specified Expression},
  author={Lucey, Patrick and Cohn, Jeffrey F. and Kanade, Takeo and Saragih, Jason and
    Ambadar, Zara and Matthews, Iain},
  booktitle={IEEE Conference on Computer Vision and Pattern Recognition Workshops},
  pages={94--101},
  year={2010}
}""",
    kind='macro',
    owner='[0-9]+',
    ends_with_apex=True,
    beside=Beside(
        {'emotion': ('Emotion', 'Emotion_labels/Emotion', 'Emotion_labels'),
         'units': ('FACS', 'FACS_labels/FACS', 'FACS_labels'),
         'landmarks': ('Landmarks/Landmarks', 'Landmarks')},
        # 0 is neutral, which no sequence ends with.
        {1: 'anger', 2: 'contempt', 3: 'disgust', 4: 'fear', 5: 'happiness',
         6: 'sadness', 7: 'surprise'}),
    mistaken={
        r'(?:anger|contempt|disgust|fear|happy|sadness|surprise)/'
        r'S[0-9]+_[0-9]+_[0-9]+\.png':
        'CK+48, the last three frames of each sequence as pictures of 48 x 48: it has '
        'no neutral frame and hardly any motion, so no flow can be made of it; take '
        'the sequences, cohn-kanade-images'},
    expected=(Expected('macro', 593, 123, {
        'anger': 45, 'contempt': 18, 'disgust': 59, 'fear': 25, 'happiness': 69,
        'sadness': 28, 'surprise': 83}),),
)

OULU_CASIA = Facts(
    name='oulu_casia',
    title='Oulu-CASIA',
    sheets=(), columns={},
    subject='P{:03d}',
    fps=25.,
    class_sets=_class_sets('oulu_casia', 'Oulu-CASIA (Zhao et al. 2011)'),
    folders=('oulu_casia', 'Oulu-CASIA', 'Oulu_CASIA', 'OriginalImg'),
    # The light, in visible light and near infrared.
    editions=tuple(Frames(edition, (root,), '{folder}/{filename}', False)
                   for edition, root in (
                       ('strong', 'VL/Strong'), ('weak', 'VL/Weak'),
                       ('dark', 'VL/Dark'), ('infrared', 'NI/Strong'))),
    layout=('VL/Strong/P001/Anger/000.jpeg',),
    access='it is handed out under an agreement: ask its authors (Zhao et al. 2011, '
           'University of Oulu)',
    homepage='https://www.oulu.fi/en/university/faculties-and-units',
    citation="""@article{zhao2011facial,
  title={Facial Expression Recognition from Near-Infrared Videos},
  author={Zhao, Guoying and Huang, Xiaohua and Taini, Matti and Li, Stan Z. and
    Pietik{\\"a}inen, Matti},
  journal={Image and Vision Computing},
  volume={29},
  number={9},
  pages={607--619},
  year={2011}
}""",
    kind='macro',
    owner='(?P<emotion>anger|disgust|fear|happiness|sadness|surprise)',
    emotions={name: name for name in _SIX},
    ends_with_apex=True,
    expected=(Expected('macro', 480, 80, dict.fromkeys(_SIX, 80)),),
)

MUG = Facts(
    name='mug',
    title='MUG',
    sheets=(), columns={},
    subject='{:03d}',
    fps=19.,
    class_sets=_class_sets('mug', 'MUG (Aifanti et al. 2010)'),
    folders=('mug', 'MUG'),
    # Its folders of people are numbers of three digits, as those of others are: only
    # below this name are they taken for MUG's.
    editions=(Frames('raw', ('subjects3',), '{folder}/{emotion}/{filename}', False),),
    layout=('subjects3/001/anger/take000/img_0000.jpg',),
    access='it is handed out for research: ask its authors (Aifanti et al. 2010, '
           'Aristotle University of Thessaloniki)',
    homepage='https://mug.ee.auth.gr/fed/',
    citation="""@inproceedings{aifanti2010mug,
  title={The {MUG} Facial Expression Database},
  author={Aifanti, Niki and Papachristou, Christos and Delopoulos, Anastasios},
  booktitle={International Workshop on Image Analysis for Multimedia Interactive
    Services},
  year={2010}
}""",
    kind='macro',
    owner='take[0-9]+',
    # Sequences of a neutral face lie beside these.
    emotions={name: name for name in _SIX},
    # 86 people, 52 of whom are public; nobody says how many sequences these have.
)

JAFFE = Facts(
    name='jaffe',
    title='JAFFE',
    sheets=(), columns={},
    subject='{}',
    fps=0.,
    class_sets=_class_sets('jaffe', 'JAFFE (Lyons et al. 1998)'),
    folders=('jaffe', 'JAFFE', 'jaffedbase', 'jaffeimages'),
    editions=(Frames('raw', ('', 'jaffe'), '', False),),
    layout=('KA.HA1.29.tiff', 'KA.NE1.26.tiff'),
    access='it is handed out for research: ask its authors (Lyons et al. 1998)',
    homepage='https://zenodo.org/records/3451524',
    citation="""@inproceedings{lyons1998coding,
  title={Coding Facial Expressions with {Gabor} Wavelets},
  author={Lyons, Michael and Akamatsu, Shigeru and Kamachi, Miyuki and Gyoba, Jiro},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  pages={200--205},
  year={1998}
}""",
    kind='macro',
    owner=r'(?P<subject>[A-Z]{2})\.(?P<emotion>[A-Z]{2})(?P<take>[0-9])\.[0-9]+',
    emotions={'an': 'anger', 'di': 'disgust', 'fe': 'fear', 'ha': 'happiness',
              'ne': 'neutral', 'sa': 'sadness', 'su': 'surprise'},
    stills=Stills(),
    expected=(Expected('macro', 183, 10, {
        'anger': 30, 'disgust': 29, 'fear': 32, 'happiness': 31, 'sadness': 31,
        'surprise': 30}),),
)

KDEF = Facts(
    name='kdef',
    title='KDEF',
    sheets=(), columns={},
    subject='{}',
    fps=0.,
    class_sets=_class_sets('kdef', 'KDEF (Lundqvist et al. 1998)'),
    folders=('kdef', 'KDEF', 'KDEF_and_AKDEF'),
    editions=(Frames('raw', ('', 'KDEF'), '{folder}', False),),
    layout=('AF01/AF01ANS.JPG', 'AF01/AF01NES.JPG'),
    access='it is handed out for research: ask its authors (Lundqvist et al. 1998, '
           'Karolinska Institutet)',
    homepage='https://www.kdef.se',
    citation="""@misc{lundqvist1998karolinska,
  title={The {Karolinska} Directed Emotional Faces ({KDEF})},
  author={Lundqvist, Daniel and Flykt, Anders and {\\"O}hman, Arne},
  howpublished={CD ROM from Department of Clinical Neuroscience, Psychology section,
    Karolinska Institutet},
  year={1998}
}""",
    kind='macro',
    owner=r'(?P<session>[AB])(?P<subject>(?P<sex>[FM])[0-9]{2})(?P<emotion>[A-Z]{2})'
          r'(?P<view>S|HL|HR|FL|FR)',
    emotions={'af': 'fear', 'an': 'anger', 'di': 'disgust', 'ha': 'happiness',
              'ne': 'neutral', 'sa': 'sadness', 'su': 'surprise'},
    stills=Stills(alike=('session',), only={'view': 's'},
                  people={'f': 'female', 'm': 'male'}),
    expected=(Expected('macro', 840, 70, dict.fromkeys(_SIX, 140)),),
)

RAFD = Facts(
    name='rafd',
    title='RaFD',
    sheets=(), columns={},
    subject='{:02d}',
    fps=0.,
    class_sets=_class_sets('rafd', 'RaFD (Langner et al. 2010)', 'contempt'),
    folders=('rafd', 'RaFD'),
    editions=(Frames('raw', ('', 'RaFD', 'RafDDownload'), '', False),),
    layout=('Rafd090_01_Caucasian_female_angry_frontal.jpg',
            'Rafd090_01_Caucasian_female_neutral_frontal.jpg'),
    access='it is handed out under an agreement: ask its authors (Langner et al. 2010, '
           'Radboud University)',
    homepage='https://rafd.socsci.ru.nl',
    citation="""@article{langner2010presentation,
  title={Presentation and Validation of the {Radboud} Faces Database},
  author={Langner, Oliver and Dotsch, Ron and Bijlstra, Gijsbert and Wigboldus, Daniel
    H. J. and Hawk, Skyler T. and van Knippenberg, Ad},
  journal={Cognition and Emotion},
  volume={24},
  number={8},
  pages={1377--1388},
  year={2010}
}""",
    kind='macro',
    owner=r'Rafd(?P<view>[0-9]{3})_(?P<subject>[0-9]+)_(?P<ethnicity>[a-z]+)_'
          r'(?P<sex>female|male)_(?P<emotion>[a-z]+)_(?P<gaze>[a-z]+)',
    emotions={'angry': 'anger', 'contemptuous': 'contempt', 'disgusted': 'disgust',
              'fearful': 'fear', 'happy': 'happiness', 'neutral': 'neutral',
              'sad': 'sadness', 'surprised': 'surprise'},
    stills=Stills(alike=('gaze',), only={'view': '090'}),
    expected=(Expected('macro', 1407, 67, dict.fromkeys((*_SIX, 'contempt'), 201)),),
)

YALE = Facts(
    name='yale',
    title='Yale faces',
    sheets=(), columns={},
    subject='subject{:02d}',
    fps=0.,
    class_sets={'yale_3': facts.valence_classes(
        'happiness', 'sadness', 'surprise',
        source=f'Yale faces (Belhumeur et al. 1997), folded as by {facts.MEGC_2019}')},
    folders=('yale', 'yalefaces'),
    editions=(Frames('raw', ('', 'yalefaces'), '', False),),
    layout=('subject01.happy', 'subject01.normal'),
    access='it is handed out for research: ask its authors (Belhumeur et al. 1997)',
    homepage='http://cvc.cs.yale.edu/cvc/projects/yalefaces/yalefaces.html',
    citation="""@article{belhumeur1997eigenfaces,
  title={Eigenfaces vs. {Fisherfaces}: Recognition Using Class Specific Linear
    Projection},
  author={Belhumeur, Peter N. and Hespanha, Jo{\\~a}o P. and Kriegman, David J.},
  journal={IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume={19},
  number={7},
  pages={711--720},
  year={1997}
}""",
    kind='macro',
    # The others are of lighting, glasses, and faces that say nothing of an emotion.
    owner=r'subject(?P<subject>[0-9]+)\.(?P<emotion>[a-z]+)',
    emotions={'happy': 'happiness', 'normal': 'neutral', 'sad': 'sadness',
              'surprised': 'surprise'},
    stills=Stills(bare=True),
    expected=(Expected('macro', 45, 15, {
        'happiness': 15, 'sadness': 15, 'surprise': 15}),),
)

MMEW_MACRO = Facts(
    name='mmew_macro',
    title='MMEW, macro-expressions',
    sheets=(), columns={},
    subject='S{:02d}',
    fps=0.,
    class_sets=_class_sets('mmew_macro', 'MMEW (Ben et al. 2022)'),
    folders=('mmew', 'MMEW', 'MMEW_Final'),
    # No document that we hold says how the stills are named: any place will do that
    # has the emotion and the person's number, as S01, in the names of folders or file.
    editions=(Frames('raw', ('Macro_Expression',), '', False),),
    layout=('Macro_Expression/S01/anger/1.jpg',
            'Micro_Expression/anger/S01-07-001/1.jpg'),
    access='it is handed out under a signed release agreement: ask its authors (Ben '
           'et al. 2022, Shandong University)',
    homepage=MMEW.homepage,
    citation=MMEW.citation,
    kind='macro',
    owner=r'(?=(?:.*[/_-])?(?P<emotion>happiness|anger|surprise|disgust|fear|sadness)'
          r'(?:[/_-]|$))(?=(?:.*[/_-])?S(?P<subject>[0-9]{1,2})(?:[/_-]|$)).+',
    emotions={name: name for name in _SIX},
    stills=Stills(path=True, onset_of='Micro_Expression/*/{subject}-*'),
    expected=(Expected('macro', 900, 30),),
)
