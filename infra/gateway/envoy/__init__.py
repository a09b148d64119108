"""The gateway's rendering for Envoy: one bootstrap file, and the scripts that its filters run."""
