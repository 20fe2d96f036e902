"""The ``liploc`` command: one file per verb.

A verb's file declares its options and imports what it needs inside the verb, so that ``liploc --help`` starts quickly.
"""
