"""What models are put together from: objects that a body holds, and where training starts."""

from sklatent.parts._calibration import Calibration, fit_marginals, marginal_digits
from sklatent.parts._completer import MAX_NUMBERS, N_PARTICLES, SHARED_PARTICLES, Completer
from sklatent.parts._number_completer import N_CODES, NumberCompleter
from sklatent.parts._number_grid import NumberGrid
from sklatent.parts._principal import PrincipalAxes, principal_axes
from sklatent.parts._prior import (
    ImportanceDraws,
    ImportanceSampler,
    LatentPrior,
    fit_mixture,
    normal_draws,
    posterior_of,
    standard_normal,
)
from sklatent.parts._rotation import (
    NOISE_MARGIN,
    Rotation,
    kl_from_all,
    rotation_of,
    rows_to_rotate,
)
from sklatent.parts._scatter import Scatter, measure_scatter, variance_function
from sklatent.parts._skip_autoencoder import (
    LINEAR_PART,
    SkipAutoencoder,
    autoencoder_recipe,
    linear_start,
    reach_of,
)
from sklatent.parts._width import MAX_AUTO, checked_width, choose_width, prefix_errors

__all__ = [
    "LINEAR_PART",
    "MAX_AUTO",
    "MAX_NUMBERS",
    "NOISE_MARGIN",
    "N_CODES",
    "N_PARTICLES",
    "SHARED_PARTICLES",
    "Calibration",
    "Completer",
    "ImportanceDraws",
    "ImportanceSampler",
    "LatentPrior",
    "NumberCompleter",
    "NumberGrid",
    "PrincipalAxes",
    "Rotation",
    "Scatter",
    "SkipAutoencoder",
    "autoencoder_recipe",
    "checked_width",
    "choose_width",
    "fit_marginals",
    "fit_mixture",
    "kl_from_all",
    "linear_start",
    "marginal_digits",
    "measure_scatter",
    "normal_draws",
    "posterior_of",
    "prefix_errors",
    "principal_axes",
    "reach_of",
    "rotation_of",
    "rows_to_rotate",
    "standard_normal",
    "variance_function",
]
