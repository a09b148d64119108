"""Stand-in for ``pulumi-resource-random``: generated values that are kept in the state."""
