"""Judges that teach themselves (Wang et al. 2024, “Self-Taught Evaluators”, arXiv:2408.02666). Read `rounds.py` first.

Pairs whose better side is known by construction, the judge's own right judgments of them, training on those, again.
"""
