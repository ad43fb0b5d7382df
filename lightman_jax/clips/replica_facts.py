"""What a replica of CASME II must show. The readers never import this table.

Numbers of clips, classes and odd rows are those of the sheets as published. How many
clips a subject has, the other clips' names, frame numbers and action units are made up.
"""

HEADER = ('Subject', 'Filename', '', 'OnsetFrame', 'ApexFrame', 'OffsetFrame', '',
          'Action Units', 'Estimated Emotion')
HEADER_2019 = (*HEADER, 'Objective Classes')
EMPTY_SHEETS = 2
SHEETS = {'2014': 'CASME2-coding-20140508', '2019': 'CASME2-coding-20190701'}
TREES = {'cropped': 'Cropped', 'raw': 'CASME2_RAW_selected'}
NAMES = {'cropped': 'reg_img{}.jpg', 'raw': 'img{}.jpg'}

CLASSES_2014 = {'others': 99, 'disgust': 63, 'happiness': 32, 'repression': 27,
                'surprise': 25, 'sadness': 7, 'fear': 2}

# Made up; sums to 255. Subjects 10 and 18 have no clip of the three MEGC classes.
CLIPS_OF = (9, 13, 8, 7, 16, 6, 9, 5, 14, 7, 10, 11, 8, 6, 5, 7, 28, 4, 13, 10, 6, 5,
            12, 11, 8, 17)
OTHERS_ONLY = (10, 18)

# (subject, file name, onset, apex, offset, emotion); None: the name's row is otherwise
# ordinary.
ODD = (
    (4, 'EP12_01f', 261, '/', 321, 'disgust'),
    (5, 'EP09_05f', 69, 69, 123, 'repression'),
    (5, 'EP16_04f', 101, 160, 160, 'others'),
    (12, 'EP09_06', 85, 135, 135, 'others'),
    (20, 'EP16_01', 121, 188, 188, 'others'),
    (25, 'EP18_04f', 40, 99, 99, 'others'),
    (24, 'EP07_01', None, None, None, 'sadness'),
    (24, 'EP07_04f', None, None, None, 'sadness'),
    (24, 'EP10_03', None, None, None, 'sadness'),
    (3, 'EP01_2', None, None, None, 'disgust'),
    (9, 'EP08_1', None, None, None, 'happiness'),
    (17, 'EP06_02_01', None, None, None, 'repression'),
    (17, 'EP06_02_02', None, None, None, 'surprise'),
    (26, 'EP09f', None, None, None, 'disgust'),
)
RELABELLED_2019 = {(24, 'EP07_01'): 'surprise', (24, 'EP07_04f'): 'surprise',
                   (24, 'EP10_03'): 'surprise'}
OTHER_UNITS_2019 = 57       # cells that differ between the sheets
UNKNOWN_UNITS = 5           # cells that hold '?'

# A number stands as a number in the sheet, the rest as text.
UNITS = {
    'others': (4, '4+7', 'L14', '4+L10', 'R14', 15, '4+14', '7+17'),
    'disgust': ('4+7', '4+9', 9, '4+7+10', 'L10', '10+17', '4+7+R10'),
    'happiness': (12, '6+12', 'L12', '12+14', 'R12', '6+12+15'),
    'repression': (15, 17, '14+17', '15+17', '12+17'),
    'surprise': ('1+2', 'L1+L2', 2, '1+2+5', '1+2+25'),
    'sadness': (1, '1+4', '1+L4'),
    'fear': (20, '4+5+20'),
}
OBJECTIVE = {'others': 'VII', 'disgust': 'IV', 'happiness': 'I', 'repression': 'VII',
             'surprise': 'II', 'sadness': 'VI', 'fear': 'V'}

# First to last frame, inclusive: least, median, greatest.
LENGTHS = (24, 61, 141)
