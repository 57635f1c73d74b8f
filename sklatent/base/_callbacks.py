"""scikit-learn's callbacks, told of each look at the validation rows."""

from dataclasses import dataclass
from typing import Any

from sklearn.callback import CallbackContext


@dataclass(frozen=True)
class Watcher:
    """Tell scikit-learn's callbacks of each check of a fit; a true answer stops the training.

    Attributes
    ----------
    model : BaseLatentModel
        The model that is being fitted.
    body : Body
        Its body, the net of which is still training.
    context : CallbackContext
        Of the fit.
    X, y : object
        What ``fit`` was given.
    """

    model: Any
    body: Any
    context: CallbackContext
    X: Any
    y: Any

    def __call__(self, trainer: Any, record: dict[str, float]) -> bool:
        """Tell the callbacks of one check."""

        def fitted_so_far() -> dict[str, Any]:
            body = type(self.body)(self.model, self.body.table)
            body.net = trainer.fitted()
            width = body.net.module_params_["n_components"]
            shown = body.provisional(width)
            return {"net_": body.net, "n_components_": width, "_body": body, **shown}

        task = self.context.subcontext(task_name=f"step {int(record['step'])}")
        task.call_on_fit_task_begin(estimator=self.model, X=self.X, y=self.y)
        return bool(
            task.call_on_fit_task_end(
                estimator=self.model, X=self.X, y=self.y, reconstruction_attributes=fitted_so_far
            )
        )
