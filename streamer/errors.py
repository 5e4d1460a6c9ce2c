"""Errors a user can cause: one clear line that names the setting or the input, and the remedy."""


class StreamerError(Exception):
    """Something failed while running; the command line exits with 1."""

    exit_code = 1

    def __str__(self) -> str:
        """One line that every terminal and every JSON can hold: what is not printable is escaped."""
        return "".join(char if char.isprintable() else escaped(char) for char in super().__str__())


def escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


class UsageError(StreamerError):
    """An invalid option, setting or input; the command line exits with 2."""

    exit_code = 2


class SourceError(StreamerError):
    """A camera, stream or file cannot be opened or has failed; `cause` is one of `types.Cause`."""

    def __init__(self, message: str, cause: str = "failed") -> None:
        super().__init__(message)
        self.cause = cause


class SinkError(StreamerError):
    """An output cannot be opened or written."""


class ModelError(StreamerError):
    """A model cannot be loaded."""


class CommandError(UsageError):
    """A command that cannot be carried out on this frame; the tracker's state is as before."""


class WireError(StreamerError):
    """Bytes that are no message or command of this version."""
