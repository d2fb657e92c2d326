"""The page results/report.html: its tables, its figures under captions, and their order."""
