"""Attention maps of an encoder, their scores, and the rules that sort them into patterns."""
