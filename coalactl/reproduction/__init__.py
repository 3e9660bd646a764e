"""``coalactl reproduce``: the paper's figures from nothing, one command each."""
