"""Version of the service, as logs and `/health` give it."""

VERSION = "0.1.0"
