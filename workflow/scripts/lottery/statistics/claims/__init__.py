"""The paper's claims C1 to C15: what each says in numbers, and whether this run bears it out."""
