"""Services of the platform behind the gateway. Each module declares one."""
