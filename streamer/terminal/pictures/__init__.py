"""Pictures on a page, beside what the terminal shows: an alert with what is said of it. They need matplotlib, which is an extra."""

from streamer.terminal.pictures.alert import write_picture

__all__ = ["write_picture"]
