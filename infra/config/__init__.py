"""What a stack may set: typed sections, checked before any resource is touched.

Each section is one key of `Pulumi.<stack>.yaml` in the project's namespace, for example
`plinth:gateway`. The JSON Schema for those files is generated from these models
(`python -m infra.config_schema`), so the two cannot disagree.
"""
