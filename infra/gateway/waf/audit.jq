# ModSecurity's audit entry as a log line: which rules matched, and in which variable. Left out are
# the query, every header and every value, because any of them may hold a key, a token or a password.
def variable:
  capture("(against variable `|found within )(?<name>[A-Z_]+(:[A-Za-z0-9_.-]{1,64})?)").name? // null;

.transaction
| {
    time: (now | todate),
    service: "waf",
    request_id: .unique_id,
    client: .client_ip,
    method: .request.method,
    path: (.request.uri | split("?")[0][0:512]),
    status: .response.http_code,
    rules: [
      .messages[]
      | { id: (.details.ruleId | tonumber), message, variable: (.details | .match + " " + .data | variable) }
    ]
  }
# A component's own 403 is none of the firewall's.
| select(.rules != [])
