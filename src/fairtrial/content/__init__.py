"""Shelves: the prompt sets that come with Fairtrial, and the way from a trial file's words to a prompt set.

Read `resolve` first.
"""

from fairtrial.content.sets import builtin_sets, load, resolve

__all__ = ["builtin_sets", "load", "resolve"]
