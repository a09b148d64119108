"""The Pulumi CLI, built from its Go modules."""
