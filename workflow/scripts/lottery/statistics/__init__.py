"""Statistics on the scores and predictions of finished runs: how sure a difference is."""
