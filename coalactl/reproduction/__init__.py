"""``coalactl reproduce``: papers' figures from nothing, one command each."""
