"""What an application does with a Plinth stack: read its outputs, hand each part what it needs."""

from __future__ import annotations

import pulumi

plinth = pulumi.StackReference(pulumi.Config().require("plinth"))

# For browsers and apps: row-level security decides what the key sees.
pulumi.export(
    "client",
    {
        "url": plinth.require_output("gateway_url"),
        "key": plinth.require_output("publishable_key"),
    },
)

# For servers. What is secret there is secret here: encrypted in this stack's state as well, and
# shown as [secret].
pulumi.export(
    "server",
    {
        "url": plinth.require_output("gateway_url"),
        "key": plinth.require_output("secret_key"),
        "redis": plinth.require_output("redis").apply(lambda redis: redis["url"]),
    },
)
