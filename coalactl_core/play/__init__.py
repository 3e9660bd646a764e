"""The batched co-player shaping POMDP, played in training and in evaluation."""
