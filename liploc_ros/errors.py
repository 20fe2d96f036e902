# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The base class of errors that the user can fix.

Every error has a message of one line: what was wrong, with the value, and what to do. The command line prints it;
nodes log it and report it in their diagnostics.
"""


class LiplocError(Exception):
    """Something outside the code is wrong: a file, a message, a parameter."""
