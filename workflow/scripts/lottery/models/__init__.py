"""Encoders: their families and shapes, what a unit is, the encoder itself, checkpoints."""
