"""The gateway's rendering for Kong 3.9: a declarative file, with the scripts that plugins run."""
