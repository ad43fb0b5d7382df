"""One line about every setting that no part has of its own.

Those of methods, encoders and protocols stand beside their defaults, as
`options.option` puts them there; `described` has both.
"""

from collections.abc import Mapping
from typing import Any

from lightman_jax import sections
from lightman_jax.options import Option, Range

# Of drawn faces, which stand in three places.
_FACES = {
    'seed': 'of the faces; another seed, other people',
    'subjects': 'how many people are drawn',
    'micro': 'micro-expressions of each person',
    'macro': 'macro-expressions of each person',
    'fps': 'frames a second',
    'faces': 'wide; or close, as published pictures frame and record them; or glasses, '
             'close faces of which some wear them; or lamps, close faces under light '
             'that differs twice as much'}
# What looks like a mistake in the data and is none.
_MEANT = {
    'different_people': 'names that look like one person and are several, by commas, '
                        'or all',
    'different_labels': 'labels that look like one and are several, by commas, or all',
    'repeated_clips': 'clips whose frames stand under two people, by commas; or all'}

HELP = {
    'seed': 'of all that is random in a run: tasks, weights, augmentation',
    'data.name': 'the data set; manifest is a list of your own clips',
    'data.class_set': "which labels become which classes; '' is the data set's first, "
                      'own is data.own_classes',
    'data.frames': 'frames of a clip, from onset over apex to offset; 1 is a picture',
    'data.size': 'pixels of a stored frame, in width and height',
    'data.data_dir': "where built data sets lie; '' is TFDS_DATA_DIR, or "
                     '~/tensorflow_datasets',
    'data.manual_dir': 'the folder with the licensed files, as they were sent',
    'data.path': 'of a manifest: the csv or workbook that lists the clips',
    'data.sheet': 'auto, an edition as 2014, or the names of its files',
    'data.edition': 'of the frames: auto, or as the data set has them, cropped or raw',
    'data.corrections': 'of misprints in sheets, with commas: the doctor names those '
                        'of a data set, the page of settings all',
    'data.apex': 'where the sheet has none: spotted, none, or a table',
    'data.landmarks': 'auto, model, none, a table, or the folder of the model',
    'data.own_classes': "of class_set='own': emotion or objective class to class",
    **{f'data.{name}': text for name, text in _MEANT.items()},
    **{f'data.synthetic.{name}': text for name, text in _FACES.items()},
    'inputs.kind': 'what the network sees of a clip',
    'inputs.span': 'motion from each frame to the next, or one picture up to the apex',
    'inputs.algorithm': 'of the optical flow, as OpenCV has it',
    'inputs.size': 'pixels of an input, in width and height; 0: as stored',
    'inputs.holds': 'of ready pictures: what they show',
    'inputs.centre': "median takes each channel's median from it, clip by clip",
    'inputs.stabilise': "of flow that is made here: what the head's motion is "
                        'taken to be',
    'inputs.mask': 'of flow that is made here: where nothing counts',
    'inputs.unit': "divides a clip by its own root mean square: of the clip, or each "
                   'channel by its own',
    'macro.source': 'where macro-expressions come from: the data set itself, none, '
                    'micro ones magnified, or another data set',
    'macro.clips': 'macro clips of a task',
    'macro.factor': 'of magnified: times the motion',
    'macro.map': 'how their emotions become classes (data/facts.py)',
    'macro.label_weight': 'mu, the weight of their cross entropy; 0: not in the loss',
    'macro.label_where': 'the loss that they are in',
    'macro.label_head': 'whether they share the classifier, or have one of their own',
    'macro.label_learned': 'mu goes by its hypergradient',
    'macro.only': 'no micro clip is trained on; macro clips stand in',
    'macro.data.frames': 'of another data set: frames of a clip',
    'macro.data.size': 'of another data set: pixels of a stored frame',
    'macro.data.class_set': 'of another data set: which labels become which classes',
    'macro.data.path': 'of macro.source=manifest: the csv that lists the clips',
    **{f'macro.data.{name}': f'of another data set: {text}'
       for name, text in _MEANT.items()},
    **{f'macro.data.synthetic.{name}': f'of macro.source=synthetic: {text}'
       for name, text in _FACES.items()},
    'labels.kind': 'what is told of a clip: its class, or which action units act',
    'labels.units': "their numbers, as 1,2,4; '' is all that are coded, or beside "
                    'classes those of the face',
    'labels.people': 'training people in whom a unit must act in every fold, or it is '
                     'left out',
    'labels.clips': 'and training clips of them',
    'labels.units_weight': 'weight of action units in the loss beside classes; 0: not '
                           'in the loss',
    'pretrain.source': 'weights that folds begin with: none, macro, synthetic, or the '
                       'folder of a finished run',
    'pretrain.steps': 'steps of the pre-training',
    'pretrain.batch': 'clips of a step of the pre-training',
    'pretrain.rate': 'its learning rate',
    **{f'pretrain.synthetic.{name}': f'of pretrain.source=synthetic: {text}'
       for name, text in _FACES.items()},
    'augment.shift': 'pixels by which training clips are moved, at most',
    'augment.flip': 'share of training clips that are mirrored',
    'augment.amplitude': 'by how much motion is made larger or smaller, at most; .2 is '
                         'a fifth',
    'augment.mixup': 'clips of a query are mixed in pairs, and their labels, in shares '
                     'of Beta(a, a); 0: they are not',
    'episodes.protocol': 'who is held out together',
    'episodes.folds': 'of kfold: how many',
    'episodes.train_on': 'of cross_dataset: the data set that is trained on',
    'episodes.shots': "clips of a class in a task's support",
    'episodes.queries': "clips of a class in a task's query",
    'episodes.training_people': "so many of a fold's people are trained on; 0: all",
    'episodes.people_draw': 'which draw of episodes.training_people, of several',
    'model.encoder': 'what makes a map of a clip',
    'model.matmul_precision': 'of products of float32: highest is float32, the others '
                              'are what an accelerator has that is faster',
    'method.name': 'how the network is trained',
    'training.steps': 'outer updates',
    'training.tasks': 'tasks whose gradients are averaged in a step',
    'training.checkpoint_every': 'steps between two entries of metrics.jsonl, at most',
    'training.outer_rate': 'learning rate of the outer optimizer (AdamW)',
    'training.weight_decay': 'its weight decay',
    'training.clip_norm': 'greatest norm of a gradient; a longer one is shortened',
    'training.schedule': 'of outer_rate; cosine falls to zero at the last step',
    'training.average': 'share of the steps at the end whose weights are averaged',
    'training.label_smoothing': 'in every cross entropy, inside and outside',
    'training.members': 'models of a fold whose log-probabilities are averaged',
    'training.dropout': 'share of what the head sees, left out of a training step',
    'training.wrong_labels': "share of a fold's training micro clips that get a wrong "
                             'label, to see what that costs',
    'training.devices': 'how many are used; 0: all',
    'training.data': 'where clips live: on the device, or in files of the host',
    'training.split': 'what devices share out: folds, or the tasks of a step',
    'training.folds_at_once': 'of a device, as one batch; 0: one on a CPU, else 8',
    'training.tasks_at_once': 'and supports, likewise; 0: one on a CPU, else all',
    'training.memory_limit': 'GiB that training may take; 0: what is there',
    'select.by': 'settings are fixed here, or chosen inside each fold',
    'select.candidates': "as 'method.inner_rate=.02,.05 training.steps=45,90'",
    'select.share': 'of the training people: they judge the candidates',
    'evaluation.noise': 'held-out clips under: none, all, or kinds by commas',
    'evaluation.oracle_gap': 'what choosing the checkpoint on held-out people would '
                             'gain; not a result',
    'evaluation.draws': "supports whose models' logits are averaged",
    'evaluation.support_shots': 'clips of a class in each; 0: episodes.shots',
    'evaluation.mirror': 'and logits of a clip and of its mirror image',
    'evaluation.resamples': 'swaps of two rows that a p is taken from',
    'evaluation.ridge_penalty': 'of the row ridge_raw',
    'evaluation.episodes': 'few-shot test episodes: 0, or 600 or more',
    'evaluation.ways': 'of an episode: classes; 0: all',
    'evaluation.shots': 'of an episode: clips of a class in the support',
    'evaluation.queries': 'of an episode: clips of a class in the query',
    'evaluation.support': "whose clips an episode's support is of",
    'evaluation.efficiency': 'measures what the method costs, too',
    'evaluation.embeddings': "keeps those of the first fold's clips, for the report",
    'evaluation.attribution': "draws where in the face each class's predictions come "
                              'from',
    'evaluation.tensorboard': 'writes event files of every fold',
    'evaluation.scores': 'beside UF1, UAR and accuracy: FILE.py:NAME, by commas',
}


def described(values: Mapping[str, Any], choices: Mapping[str, tuple[str, ...]],
              ranges: Mapping[str, tuple[Any, Any]]) -> dict[str, Option]:
  """Every setting of a configuration, with what is allowed and a line about it.

  Args:
    values: all settings with their defaults, under dotted names.
    choices: of some of them; see `settings.CHOICES`.
    ranges: of others, the least and greatest value; see `settings.RANGES`.

  Returns:
    Dotted name to an option of that name; those of the named method, encoder and
    protocol have their own help.
  """
  own = {}
  for kind, (section, key) in sections.SECTIONS.items():
    own |= {f'{section}.{name}': option for name, option in sections.options_of(
        kind, values.get(f'{section}.{key}', '')).items()}
  result = {}
  for name, default in values.items():
    option = own.get(name) or Option(name, default, choices.get(name, ()), (
        Range(*ranges[name]) if name in ranges else None), HELP.get(name, ''))
    result[name] = option._replace(name=name, default=default)
  return result
