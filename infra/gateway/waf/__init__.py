"""The web application firewall in front of the gateway: nginx, ModSecurity and the OWASP rules."""
