"""DFME (Zhao et al. 2024): 1856, 474 and 299 micro-expressions, at mixed frame rates.

The rate (200, 300 or 500 frames/s) is a column. A subject's rows do not stand together.
The sheets of the two tests are editions of their own, and `all` is the three together.
"""

from lightman_jax.data import facts
from lightman_jax.data.facts import Expected, Facts, Frames, Sheet

_SEVEN = ('anger', 'contempt', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')
_STEMS = ('training_full_with_AU', 'testA_full_with_AU', 'testB_full_with_AU')

FACTS = Facts(
    name='dfme',
    title='DFME',
    sheets=(Sheet('all', _STEMS, rows=2629), Sheet('train', _STEMS[:1]),
            Sheet('test_a', _STEMS[1:2]), Sheet('test_b', _STEMS[2:])),
    columns={
        'subject': ('Subject',),
        'filename': ('Filename',),
        'onset': ('OnsetFrame',),
        'apex': ('ApexFrame',),
        'offset': ('OffsetFrame',),
        'action_units': ('AU', 'AUs'),
        'emotion': ('Emotion',),
        'fps': ('Fps',),
    },
    subject='sub{:04d}',
    fps=0.,
    class_sets={'dfme_7': facts.emotion_classes(
        *_SEVEN, source='DFME (Zhao et al. 2024)')},
    folders=('dfme', 'DFME'),
    editions=(Frames('raw', ('DFME', 'train', 'test_A', 'test_B', ''),
                     '{subject}/{filename}', False, ('{filename}',)),),
    layout=('DFME/sub0003/sub0003_01/1.jpg',),
    access='it is handed out under a signed release agreement: ask its authors (Zhao '
           'et al. 2024, University of Science and Technology of China)',
    homepage='https://mea-lab-421.github.io',
    citation="""@article{zhao2024dfme,
  title={{DFME}: A New Benchmark for Dynamic Facial Micro-Expression Recognition},
  author={Zhao, Sirui and Tang, Huaying and Mao, Xinglong and Liu, Shifeng and Zhang,
    Yiming and Wang, Hao and Xu, Tong and Chen, Enhong},
  journal={IEEE Transactions on Affective Computing},
  volume={15},
  number={3},
  pages={1371--1386},
  year={2024}
}""",
    words={_STEMS[0]: 'train', _STEMS[1]: 'test[^a-z]*a(?![a-z])',
           _STEMS[2]: 'test[^a-z]*b(?![a-z])'},
    owner=r'sub(?P<subject>[0-9]+)_[0-9]+',
    expected=(Expected('micro', 1856, 176, {}, 'train'),
              Expected('micro', 474, 42, {}, 'test_a'),
              Expected('micro', 299, 41, {}, 'test_b'),
              Expected('micro', 2629, 259, {}, 'all')),
)
