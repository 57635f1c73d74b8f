"""Moving in a latent space by public verbs: paths, traversals, directions, edits, neighbours."""

from sklatent.geometry._directions import AttributeDirection, attribute_direction
from sklatent.geometry._moves import blend, edit, nearest, traverse
from sklatent.geometry._paths import interpolate, latent_path

__all__ = [
    "AttributeDirection",
    "attribute_direction",
    "blend",
    "edit",
    "interpolate",
    "latent_path",
    "nearest",
    "traverse",
]
