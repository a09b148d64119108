"""The gateway: one typed route table, one settings model, and their rendering for Envoy."""
