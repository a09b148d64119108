"""ModSecurity's settings and the order of its rules.

The rules are the OWASP core rule set 3.3 as Debian ships it, in its anomaly mode: every match adds
to a score, and the sum decides. What legitimate requests would trip over is taken out by the files
in `exclusions`, each with its reason.

Answers are not inspected: they come from the platform's own components, and some do not end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.container import FILES_DIRECTORY
from infra.gateway.routes import MEBIBYTE, METHODS
from infra.gateway.waf import runtime

if TYPE_CHECKING:
    from infra.gateway.waf.settings import WafSettings

INSPECTED_BODY_BYTES = MEBIBYTE
"""Largest body that is inspected: what a route that does not stream takes at most. nginx refuses a
larger one before."""

INSPECTED_VALUES = 1000
"""How many values of a query and body are inspected. Every one is matched against every rule, while
nothing else happens in the process; a longer list of rows is inspected in its first part."""

_QUERY_PARAMETERS = 200
_JSON_DEPTH = 128
_REGEX_STEPS = 100_000
_RULES = "/usr/share/modsecurity-crs/rules/REQUEST-*.conf"
_CONTENT_TYPES = (
    "application/json",
    "application/vnd.pgrst.object+json",
    "application/vnd.pgrst.array+json",
    "application/geo+json",
    "application/scim+json",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "application/offset+octet-stream",
    "multipart/form-data",
    "text/csv",
    "text/plain",
    "text/xml",
)
_FIRST_OWN_RULE = 10_000
"""Identifiers below 100,000 are for a site's own rules."""

_SETUP_RULE = _FIRST_OWN_RULE + 1
_JSON_RULE = _FIRST_OWN_RULE + 2
_UNREADABLE_RULE = _FIRST_OWN_RULE + 3
_QUERY_RULE = _FIRST_OWN_RULE + 4
_VALUES_RULE = _FIRST_OWN_RULE + 5


def render_rules(settings: WafSettings) -> str:
    """Everything that ModSecurity reads, as one file that includes the others."""
    disabled = "".join(f"SecRuleRemoveById {rule}\n" for rule in settings.disabled_rules)
    includes = "".join(f"Include {FILES_DIRECTORY}/{name}\n" for name in runtime.EXCLUSION_FILES)
    return f"""\
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit {INSPECTED_BODY_BYTES}
SecRequestBodyNoFilesLimit {INSPECTED_BODY_BYTES}
SecRequestBodyLimitAction ProcessPartial
SecRequestBodyJsonDepthLimit {_JSON_DEPTH}
SecArgumentsLimit {INSPECTED_VALUES}
SecResponseBodyAccess Off
SecPcreMatchLimit {_REGEX_STEPS}
SecPcreMatchLimitRecursion {_REGEX_STEPS}
SecTmpDir /tmp
SecDataDir /tmp
SecArgumentSeparator &
SecCookieFormat 0
SecUnicodeMapFile /etc/nginx/unicode.mapping 20127
SecStatusEngine Off

SecAuditEngine RelevantOnly
SecAuditLogRelevantStatus "^403$"
SecAuditLogType Serial
SecAuditLogFormat JSON
SecAuditLogParts AHZ
SecAuditLog {runtime.AUDIT_PIPE}

SecDefaultAction "phase:1,log,auditlog,pass"
SecDefaultAction "phase:2,log,auditlog,pass"
SecAction "id:{_SETUP_RULE},phase:1,pass,t:none,nolog,noauditlog,\\
    setvar:tx.crs_setup_version=337,\\
    setvar:tx.paranoia_level={settings.paranoia_level},\\
    setvar:tx.inbound_anomaly_score_threshold={settings.anomaly_threshold},\\
    setvar:'tx.allowed_methods={" ".join(METHODS)}',\\
    setvar:'tx.allowed_http_versions=HTTP/1.1 HTTP/2 HTTP/2.0',\\
    setvar:'tx.allowed_request_content_type={" ".join(f"|{name}|" for name in _CONTENT_TYPES)}'"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z.+-]*\\+)?json" \\
    "id:{_JSON_RULE},phase:1,pass,t:none,t:lowercase,nolog,noauditlog,\\
    ctl:requestBodyProcessor=JSON"
# What cannot be read cannot be inspected. The end of what is inspected reads as an error too.
SecRule REQBODY_ERROR "!@eq 0" \\
    "id:{_UNREADABLE_RULE},phase:2,deny,status:400,t:none,log,auditlog,chain,\\
    msg:'The body cannot be read'"
    SecRule REQBODY_ERROR_MSG "!@rx callback return value\\s*\\z" "t:none"
# More values than are inspected, but for rows (rest.conf).
SecRule &ARGS_GET "@gt {_QUERY_PARAMETERS}" \\
    "id:{_QUERY_RULE},phase:1,deny,status:400,t:none,log,auditlog,\\
    msg:'More parameters in the query than are inspected'"
SecRule &ARGS "@ge {INSPECTED_VALUES}" \\
    "id:{_VALUES_RULE},phase:2,deny,status:400,t:none,log,auditlog,chain,\\
    msg:'More values in the body than are inspected'"
    SecRule &TX:rows "@eq 0" "t:none"

{includes}
Include {_RULES}

{disabled}"""
