"""The policy pack: what Pulumi checks on every preview and every update."""
