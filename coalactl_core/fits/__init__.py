"""What policies are like: the closest one of a known family, whoever learnt them."""
