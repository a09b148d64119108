"""Stand-in of the official Pulumi docker provider, over the Docker SDK for Python."""
