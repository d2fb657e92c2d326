"""Attention maps of an encoder, and the classifier that sorts them into patterns."""
