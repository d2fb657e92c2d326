"""What the Snakefile asks: the grid of cells, the params of the rules, checks before a run."""
