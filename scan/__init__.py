"""`make scan`: whether a secret of a stack stands anywhere in clear."""
