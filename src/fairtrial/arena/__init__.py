"""Blind battles: two contestants answer, a person votes, then names are shown."""
