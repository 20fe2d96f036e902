# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""HTML pages from the templates next to it; a page needs no server and no network."""

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("liploc_ros.evaluation.reporting"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["percent"] = lambda share: f"{100 * share:.1f}"


def render_page(template: str, **values: object) -> str:
    """Return the page of a template, for instance ``evaluation.html.j2``; values are escaped.

    Every page has ``title`` and ``note``.

    Raises:
        jinja2.TemplateError: the template is missing, or a value that it uses.
    """
    return _ENVIRONMENT.get_template(template).render(**values)
