# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where the sources of the pages are."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
