"""Step write_card."""
VERSION = 1
def write_card(**given):
    given["path_to_card"].write_text("x")
