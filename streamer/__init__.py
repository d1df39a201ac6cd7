"""streamer: a real-time classifier for the alert streams of sky surveys."""

__all__ = ["__version__"]

__version__ = "0.1.0"
