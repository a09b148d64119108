"""What every service of the platform shares: settings, logs, metrics, health, errors, tokens."""
