"""Base of the stand-in resource providers: Pulumi's provider protocol over gRPC."""
