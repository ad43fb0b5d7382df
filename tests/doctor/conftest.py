"""What tests of the doctor share with those of the data: made-up copies, no model."""

from tests.data.conftest import no_face_model, replica

__all__ = ['no_face_model', 'replica']
