"""The one exception a user meets: a line that says what is wrong and what would be accepted."""


class InputError(ValueError):
    """Input that cannot be used. The message is one line naming the file or argument, the key and what is accepted."""
