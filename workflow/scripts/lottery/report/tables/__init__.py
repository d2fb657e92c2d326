"""The study's tables for readers: one model, made from DataFrames, printed in several formats."""
