"""The gateway: one typed route table, one settings model, and renderings for Envoy and Kong."""
