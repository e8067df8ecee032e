"""The arena in a browser and its JSON API; it translates, it decides nothing."""
