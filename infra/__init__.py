"""The Pulumi program that declares a Plinth environment."""
