"""Every encoder by name: what it can be set to, and the module that it becomes.

No module is imported above that takes jax: settings are checked before.
"""

from collections.abc import Mapping
import dataclasses
import os
from typing import TYPE_CHECKING, Any, ClassVar

from lightman_jax.errors import InputError
from lightman_jax.options import option

if TYPE_CHECKING:
  from flax import linen as nn


@dataclasses.dataclass(frozen=True)
class Encoder:
  """What all encoders share."""
  takes: ClassVar[str] = 'pictures'       # 'landmarks', or 'numbers': anything
  precision: str = option('float32', 'of activations and products; weights, '
                          'normalisation and losses stay float32',
                          choices=('float32', 'bfloat16'))

  def check(self, flat: Mapping[str, Any]) -> None:
    """Refuses settings that are right each, and wrong together.

    Args:
      flat: all settings of the configuration, under dotted names.

    Raises:
      InputError: names the settings, and what to do.
    """
    name, kind = flat['model.encoder'], flat['inputs.kind']
    for setting in ('width', 'temporal_width'):
      if getattr(self, setting, 0) % 4:
        raise InputError(f'model.{setting} is {getattr(self, setting)}; group '
                         'normalisation has 4 groups, so it must be a multiple of 4')
    if self.takes == 'landmarks' and kind != 'landmarks':
      raise InputError(f'model.encoder={name} takes the movements of landmarks and '
                       f'inputs.kind={kind} has none; use inputs.kind=landmarks')
    if self.takes == 'pictures' and kind == 'landmarks':
      raise InputError(
          f'model.encoder={name} takes pictures and inputs.kind=landmarks has none; '
          'use flow, difference, frames or picture, or model.encoder=dere_grl, mlp or '
          'tcn')

  def make(self) -> 'nn.Module':
    """The module for clips."""
    raise TypeError(f'{type(self).__name__} makes no module')

  def _dtype(self):
    import jax.numpy as jnp
    return {'float32': None, 'bfloat16': jnp.dtype('bfloat16')}[self.precision]


@dataclasses.dataclass(frozen=True)
class _Frames(Encoder):
  """A 2D encoder shared by all frames, under a 3D temporal module."""
  temporal_width: int = option(32, 'channels of the temporal module', range=(4, 4096))
  temporal_depth: int = option(2, 'its convolutions', range=(0, 8))
  skip: int = option(0, 'the head sees the clip itself beside the map: its local means '
                     'on so many cells along a side, over time; 0: it does not',
                     range=(0, 256))
  conv: str = option('auto', 'how convolutions are computed; auto: by backend',
                     choices=('auto', 'lax', 'folded', 'patches', 'grouped'))

  def _clips(self, frame: 'nn.Module', after: 'nn.Module | None' = None) -> 'nn.Module':
    from lightman_jax.models.temporal import ClipEncoder, Temporal
    return ClipEncoder(
        frame, Temporal(self.temporal_width, self.temporal_depth, self.conv), after,
        self._dtype())


@dataclasses.dataclass(frozen=True)
class _Grid(_Frames):
  """Maps of any size are pooled to a grid."""
  width: int = option(32, 'channels', range=(4, 4096))
  grid: int = option(4, 'cells along a side that pooling leaves, at least',
                     range=(1, 64))


@dataclasses.dataclass(frozen=True)
class Conv4(_Grid):
  """Four convolutions (Vinyals et al. 2016), with group normalisation."""

  def make(self):
    """See `conv4.Conv4`."""
    from lightman_jax.models import conv4
    return self._clips(conv4.Conv4(self.width, self.grid, self.conv))


@dataclasses.dataclass(frozen=True)
class ResNet12(_Grid):
  """The residual network of few-shot learning (Oreshkin et al. 2018)."""

  def make(self):
    """See `resnet.ResNet12`."""
    from lightman_jax.models import resnet
    return self._clips(resnet.ResNet12(self.width, self.grid, self.conv))


@dataclasses.dataclass(frozen=True)
class ResNet18(_Grid):
  """The residual network of ImageNet (He et al. 2016)."""

  def make(self):
    """See `resnet.ResNet18`."""
    from lightman_jax.models import resnet
    return self._clips(resnet.ResNet18(self.width, self.grid, self.conv))


@dataclasses.dataclass(frozen=True)
class STSTNet(_Frames):
  """Three shallow streams (Liong et al. 2019)."""
  width: int = option(32, 'channels', range=(4, 4096))
  norm: str = option('group', 'batch: STSTNet as it was published, supervised',
                     choices=('group', 'batch'))
  # A safetensors file, or a folder with one for each fold; python -m lightman_jax
  # convert-weights makes them. training.outer_rate=0 leaves them as they are.
  weights: str = option('', 'published weights to begin with: a safetensors file, or a '
                        'folder with one for each fold')

  def check(self, flat):
    """Refuses what its published form, or that of its weights, cannot be."""
    super().check(flat)
    method = flat['method.name']
    if self.norm == 'batch' and method != 'supervised':
      raise InputError(
          f'model.norm=batch keeps running statistics, which method.name={method} '
          'cannot adapt to one task; use method.name=supervised, or model.norm=group')
    for setting, what in (('temporal_depth', 'temporal module'), ('skip', 'skip')):
      if self.norm == 'batch' and getattr(self, setting):
        raise InputError('model.norm=batch is STSTNet as it was published, which has '
                         f'no {what}; set model.{setting}=0')
    if self.weights and flat['training.members'] > 1:
      raise InputError(
          f'training.members is {flat["training.members"]} and all of them would begin '
          'with the same model.weights; use 1')
    if self.weights and self.norm != 'batch':
      raise InputError(
          'model.weights are those of STSTNet as it was published, and model.norm='
          f'{self.norm} is another network; use the variant published, or '
          'model.norm=batch')
    for name in ('inputs.centre', 'inputs.unit'):
      if self.weights and flat[name] != 'none':
        raise InputError(
            f'model.weights were trained on pictures as they are and {name}='
            f'{flat[name]} changes them; use {name}=none')
    if self.weights and not os.path.exists(os.path.expanduser(self.weights)):
      raise InputError(
          f'model.weights: {self.weights} is not there; python -m lightman_jax '
          'convert-weights makes such a file from a .pth')

  def make(self):
    """See `ststnet.STSTNet` and `PublishedSTSTNet`.

    The weights are read for the scaling of pictures that they declare; they become
    parameters in `experiment.published_start`.
    """
    from lightman_jax.models import ststnet
    if self.norm == 'batch':
      scaling = None
      if self.weights:
        from lightman_jax.models import weights_files
        scaling = weights_files.scaling_of(self.weights)
      return ststnet.PublishedSTSTNet(self.conv, self._dtype(), scaling)
    return self._clips(ststnet.STSTNet(self.width, self.conv))


@dataclasses.dataclass(frozen=True)
class OffApexNet(_Frames):
  """A stream for u and one for v, and dense layers behind (Gan et al. 2019)."""
  dense: int = option(1024, 'width of its two dense layers', range=(1, 65536))

  def check(self, flat):
    """Refuses pictures that are no flow."""
    super().check(flat)
    kind = flat['inputs.kind']
    if kind != 'flow' and (kind, flat['inputs.holds']) != ('picture', 'flow'):
      raise InputError('model.encoder=off_apexnet has a stream for each of u and v, '
                       'which optical flow alone has; use inputs.kind=flow, or picture '
                       'with inputs.holds=flow')

  def make(self):
    """See `off_apexnet`."""
    from lightman_jax.models import off_apexnet
    return self._clips(off_apexnet.Streams(self.conv), off_apexnet.Dense(self.dense))


@dataclasses.dataclass(frozen=True)
class ViT(_Grid):
  """A small vision transformer (Dosovitskiy et al. 2021)."""
  depth: int = option(2, 'blocks', range=(1, 64))

  def make(self):
    """See `vit.VisionTransformer`."""
    from lightman_jax.models import vit
    return self._clips(vit.VisionTransformer(self.width, self.grid, self.depth))


@dataclasses.dataclass(frozen=True)
class _Numbers(Encoder):
  """No maps, so neither a grid nor a temporal module."""
  takes: ClassVar[str] = 'numbers'
  width: int = option(32, 'channels', range=(4, 4096))
  depth: int = option(2, 'layers, blocks or graph convolutions', range=(1, 64))


@dataclasses.dataclass(frozen=True)
class DereGRL(_Numbers):
  """DeRe-GRL: decomposed and related actions of 68 landmarks."""
  takes: ClassVar[str] = 'landmarks'
  actions: int = option(8, 'how many', range=(1, 256))
  decompose: bool = option(True, 'action decomposition; False takes it out')
  relate: bool = option(True, 'relation reconstruction; False takes it out')

  def make(self):
    """See `dere_grl.DeReGRL`."""
    from lightman_jax.models import dere_grl
    return dere_grl.DeReGRL(self.width, self.depth, self.actions, self.decompose,
                            self.relate, self._dtype())


@dataclasses.dataclass(frozen=True)
class MLP(_Numbers):
  """Dense layers over any numbers."""

  def make(self):
    """See `mlp.MLP`."""
    from lightman_jax.models import mlp
    return mlp.MLP(self.width, self.depth, self._dtype())


@dataclasses.dataclass(frozen=True)
class TCN(_Numbers):
  """Dilated convolutions over a series of any numbers."""

  def make(self):
    """See `tcn.TCN`."""
    from lightman_jax.models import tcn
    return tcn.TCN(self.width, self.depth, self._dtype())
