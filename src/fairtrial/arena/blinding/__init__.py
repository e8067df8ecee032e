"""What keeps a battle blind: names by which an answer gives its model away are masked before a voter sees them.

Read `masking.Blinding` first. Text is brought into one form (`display`), read word by word (`reading`) in a folded
spelling (`folding`), compared with known names (`names`, `spotting`), and the speaker is followed (`speaking`), because
many names are also words.
"""

from fairtrial.arena.blinding.masking import MASK, Blinding, BlindStream, Flag, Masked

__all__ = ["MASK", "BlindStream", "Blinding", "Flag", "Masked"]
