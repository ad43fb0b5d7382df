"""A data set of one's own in a file of one's own: its sheet, its tree, its classes.

    python -m lightman_jax doctor FOLDER --name examples/own_data_set.py:FACTS
    python -m lightman_jax build examples/own_data_set.py:FACTS --manual_dir FOLDER
    python launch.py --config=configs/casme2.py:data=examples/own_data_set.py:FACTS \
        --config.data.manual_dir=FOLDER

These are the facts that the program has of every data set, in the same form; none of it
is a reader. `lightman_jax/data/facts.py` says what each is, and the files in
`lightman_jax/data/datasets/` are examples of odder layouts. This one has

    FOLDER/lab_annotations.xlsx     columns Participant, Video, First, Peak, Last, Felt
    FOLDER/frames/P01/clip_03/0007.png
"""

from lightman_jax.data.facts import Facts, Frames, Sheet, emotion_classes

FACTS = Facts(
    name='my_lab',
    title='My Lab',
    sheets=(Sheet('v1', ('lab_annotations',)),),
    columns={
        'subject': ('Participant',),
        'filename': ('Video',),
        'onset': ('First',),
        'apex': ('Peak',),
        'offset': ('Last',),
        'emotion': ('Felt',),
    },
    names='clip_[0-9]+',
    subject='P{:02d}',
    fps=100.,
    class_sets={'my_lab_3': emotion_classes(
        'happiness', 'surprise', 'disgust', source='the lab that recorded them')},
    folders=('my_lab',),
    editions=(Frames('cropped', ('frames',), '{subject}/{filename}', True),),
    layout=('frames/P01/clip_03/0007.png',),
    access='ask the lab',
    homepage='',
    citation='')
