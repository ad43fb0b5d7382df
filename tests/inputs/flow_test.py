"""Optical flow against known movements, strain by hand, and how maps are resized."""

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.faces import dense_flow
from lightman_jax.inputs import inputs

tvl1 = pytest.param('tvl1', marks=pytest.mark.skipif(
    not dense_flow.has_tvl1(), reason='this OpenCV holds no TV-L1'))
both = pytest.mark.parametrize('algorithm', ['farneback', 'dis', tvl1])


@both
@pytest.mark.parametrize('down, right', [(0, 0), (1, 0), (0, 2), (-1.5, .5), (2, -3)])
def test_a_known_shift_is_found(textured, algorithm, down, right):
  first, second = dense_flow.grey(np.stack([textured((0, 0)), textured((down, right))]))
  flow = dense_flow.optical_flow(first, second, algorithm=algorithm)[12:-12, 12:-12]
  np.testing.assert_allclose(np.median(flow, (0, 1)), (right, down), atol=.1)
  assert np.abs(flow - (right, down)).mean() < .2


def test_tvl1_is_refused_where_it_is_not(monkeypatch):
  picture = np.zeros((16, 16), np.uint8)
  monkeypatch.setattr(dense_flow, 'has_tvl1', lambda: False)
  with pytest.raises(InputError, match='opencv-contrib-python-headless'):
    dense_flow.optical_flow(picture, picture, algorithm='tvl1')


def test_strain_of_a_linear_field():
  # u = .1 x + .3 y, v = -.2 x + .4 y: the tensor is [[.1, .05], [.05, .4]] everywhere.
  y, x = np.mgrid[:7, :9].astype(float)
  field = np.stack([.1 * x + .3 * y, -.2 * x + .4 * y], -1)
  np.testing.assert_allclose(dense_flow.strain(field),
                             np.sqrt(.1**2 + .4**2 + 2 * .05**2))


def test_strain_does_not_see_a_turn_or_a_shift():
  y, x = np.mgrid[:7, :9].astype(float)
  turn = np.stack([.01 * y + 3, -.01 * x - 2], -1)
  np.testing.assert_allclose(dense_flow.strain(turn), 0, atol=1e-12)


@both
def test_a_clip_of_flow(textured, algorithm):
  frames = np.stack([textured((0, 0)), textured((0, 1)), textured((0, 2)),
                     textured((1, 1)), textured((0, 0))])
  each = inputs.clip_flow(frames, span='each', algorithm=algorithm, size=0)
  apex = inputs.clip_flow(frames, span='apex', algorithm=algorithm, size=0)
  assert each.shape == (4, 64, 64, 3) and apex.shape == (1, 64, 64, 3)
  assert each.dtype == np.float32
  np.testing.assert_array_equal(apex[0], each[1])
  np.testing.assert_allclose(np.median(each[..., :2], (1, 2)),
                             [(1, 0), (2, 0), (1, 1), (0, 0)], atol=.1)
  np.testing.assert_allclose(each[..., 2], dense_flow.strain(each[..., :2]), atol=1e-6)
  small = inputs.clip_flow(frames, span='each', algorithm=algorithm, size=16)
  # Pixels of the frames stay the unit, and nothing is lost in the mean.
  np.testing.assert_allclose(small.mean((1, 2)), each.mean((1, 2)), atol=1e-5)


def test_down_is_the_mean_of_blocks():
  maps = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
  want = maps.reshape(2, 4, 2, 4, 2, 3).mean((2, 4))
  got = inputs.resize_maps(maps, 4)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize('channels', [1, 2, 3])
def test_up_keeps_channels_and_range(channels):
  maps = np.random.default_rng(0).normal(size=(1, 4, 4, channels))
  got = inputs.resize_maps(maps, 8)
  assert got.shape == (1, 8, 8, channels)
  assert maps.min() - 1e-6 <= got.min() and got.max() <= maps.max() + 1e-6


@pytest.mark.parametrize('size', [0, 8])
def test_the_same_size_is_left_alone(size):
  maps = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)
  np.testing.assert_array_equal(inputs.resize_maps(maps, size), maps)


def test_zero_leaves_pictures_that_are_not_square():
  maps = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)
  np.testing.assert_array_equal(inputs.resize_maps(maps, 0), maps)


def test_grey_is_luminance():
  frames = np.zeros((1, 2, 3, 3), np.uint8)
  frames[0, 0] = [255, 0, 0], [0, 255, 0], [0, 0, 255]
  np.testing.assert_array_equal(dense_flow.grey(frames)[0, 0], [76, 150, 29])
  single = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
  np.testing.assert_array_equal(dense_flow.grey(single), single[..., 0])


def test_a_flow_field_as_a_picture():
  field = np.random.default_rng(0).normal(0, [1, 10, .1], (1, 5, 5, 3))
  picture = inputs.as_picture(field)
  assert picture.dtype == np.uint8
  assert (picture.min((0, 1, 2)) == 0).all() and (picture.max((0, 1, 2)) == 255).all()
  # Only the amplitude and the zero level are lost.
  np.testing.assert_array_equal(inputs.as_picture(7 * field - 2), picture)
  assert not inputs.as_picture(np.full((1, 4, 4, 3), 3.)).any()


def test_pictures_that_are_too_small_for_dis_are_named():
  tiny = np.zeros((8, 11), np.uint8)
  with pytest.raises(InputError, match='11 x 8 pixels.*data.size of 12'):
    dense_flow.optical_flow(tiny, tiny, algorithm='dis')
  assert dense_flow.optical_flow(tiny, tiny, algorithm='farneback').shape == (8, 11, 2)
