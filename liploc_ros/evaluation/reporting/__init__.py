"""The report of an evaluation: figures, HTML pages and their templates."""
