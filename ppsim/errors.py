"""The one exception a user meets: a line that says what is wrong and what would be accepted."""

from __future__ import annotations

#: characters of a message: file names and what stands in files may be of any length
LONGEST = 2000


class InputError(ValueError):
    """Input that cannot be used. The message is one line naming the file or argument, the key and what is accepted.

    Whatever a file holds, it stays one line of printable characters, of `LONGEST` at most.
    """

    def __init__(self, message: str) -> None:
        """Take a message that may quote anything."""
        if not message.isprintable():
            message = "".join(sign if sign.isprintable() else " " if sign.isspace() else "?" for sign in message)
        super().__init__(message if len(message) <= LONGEST else f"{message[: LONGEST - 3]}...")
