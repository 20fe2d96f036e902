"""The root of the errors that a user can mend.

Every subclass carries a message of one line: what was wrong, with the value, and what to do.
The command line prints that line alone; nodes log it and report it as a diagnostic.
"""


class LiplocError(Exception):
    """Something outside the code is wrong: a file, a message, a parameter."""
