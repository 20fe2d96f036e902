# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Extension of griffe: roles of reStructuredText in docstrings (:meth:`localize`) become code of Markdown."""

import re
from typing import Any

from griffe import Alias, Extension, Object

ROLE = re.compile(r":(?:class|meth|func|mod|attr|data|exc):`~?([^`<]+)`")


def without_roles(text: str) -> str:
    """Return a docstring in Markdown. Of a full name such as liploc_ros.mapping.LidarMap, the last part is shown."""
    shown = ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2] if role[1][0].islower() else role[1]}`", text)
    return shown.replace("``", "`")


class Docstrings(Extension):
    """Change the docstring of every object."""

    def on_object(self, *, obj: Object | Alias, **_: Any) -> None:
        """Change one."""
        if obj.docstring is not None:
            obj.docstring.value = without_roles(obj.docstring.value)
