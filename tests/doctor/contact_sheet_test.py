"""A contact sheet shows the inputs that a network is given, and no others."""

import numpy as np
import pytest

from lightman_jax.doctor import contact_sheet
from lightman_jax.doctor.contact_sheet import Shown, apex_input, spread_over_people
from lightman_jax.inputs import inputs


def test_ready_pictures_are_shown_as_they_are():
  picture = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 3), np.uint8)
  shown = apex_input(picture, inputs.Settings('picture', size=28))
  np.testing.assert_array_equal(shown, picture[0])


@pytest.mark.parametrize('span', ['each', 'apex'])
def test_flow_is_that_of_the_apex_about_middle_grey(span):
  rng = np.random.default_rng(0)
  still = rng.integers(0, 256, (64, 64), np.uint8).repeat(4, 0).repeat(4, 1)[:64, :64]
  moved = np.roll(still, 2, 1)      # to the right: u is positive
  clip = np.stack([still, moved, still])[..., None].repeat(3, -1)
  shown = apex_input(clip, inputs.Settings('flow', span=span))
  u, v, _ = shown[16:48, 16:48].mean((0, 1))
  assert u > 180 and 100 < v < 156
  nothing = apex_input(np.stack([still] * 3)[..., None].repeat(3, -1),
                       inputs.Settings('flow', span=span))
  assert set(np.unique(nothing)) <= {127, 128}


def test_clips_are_of_as_many_people_as_there_are():
  assert spread_over_people('aaabbbc', 4) == [0, 1, 3, 6]
  assert spread_over_people('abcdefgh', 4) == [0, 2, 4, 6]
  assert spread_over_people('aa') == [0, 1] and spread_over_people('') == []


def test_a_row_a_label_and_the_frame_beside_what_is_computed():
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (3, 16, 16, 3), np.uint8)
  clips = [Shown('a/clip-of-a-very-long-name' * 9, 's', 'joy', pixels),
           Shown('b', 't', 'joy', pixels), Shown('c', 't', '悲しみ', pixels)]
  flow = contact_sheet.draw_sheet(clips, inputs.Settings('flow', size=16))
  ready = contact_sheet.draw_sheet(
      [clip._replace(frames=pixels[:1]) for clip in clips],
      inputs.Settings('picture', size=16))
  assert flow.height == ready.height and flow.width - ready.width == 2 * 96
