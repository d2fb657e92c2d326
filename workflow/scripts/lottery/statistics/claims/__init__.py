"""The paper's claims C1 to C15 as tests, and whether this run supports them."""
