# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``python -m benchmarks.held_out``: the table of held-out drives."""

import typer

from benchmarks.held_out.table import held_out

if __name__ == "__main__":
    typer.run(held_out)
