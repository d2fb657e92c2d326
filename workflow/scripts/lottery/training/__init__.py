"""Fine-tuning: one loop for full models, shrunk models and weights under a mask."""
