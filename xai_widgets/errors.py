"""The errors a user can meet, each of which says what was wrong and what to do."""

from __future__ import annotations


class XaiWidgetsError(Exception):
    """Base of every error raised on purpose by this package."""


class PictureError(XaiWidgetsError, ValueError):
    """Pictures of a wrong shape, type or range, or none at all."""


class LayerError(XaiWidgetsError, ValueError):
    """A layer that does not exist, was not run, or gives nothing that can be decoded."""


class NotFittedError(XaiWidgetsError, RuntimeError):
    """An explanation was asked for before the method was fitted."""


class StaleError(XaiWidgetsError, RuntimeError):
    """What was fitted belongs to the model as it was before its weights changed."""


class ArtifactError(XaiWidgetsError, ValueError):
    """A saved file that cannot be used: truncated, foreign, newer, or made from another model."""


class CancelledError(XaiWidgetsError):
    """Somebody pressed Cancel; what was computed until then is kept in the checkpoint, if one was asked for."""


FAILURES = (RuntimeError, ValueError, TypeError, LookupError, AssertionError, AttributeError, ArithmeticError)
"""What a model may raise that is given pictures which it cannot read."""

NO_LAYERS = (
    "the model has no layers that can be read: it is a single module, or it was scripted, traced or exported; give the "
    "original Python module"
)
"""Where there is nothing that a layer could be chosen from."""
