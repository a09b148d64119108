-- Gives every answer the gateway's headers, and every refusal its JSON body, whether a script, a
-- plugin, Kong or nginx has refused. A component's own refusals are left as they are.
-- Defined above this text: REFUSALS (name to code, status, message and headers), REFUSAL_BY_STATUS,
-- SECURITY_HEADERS and REMOVED_HEADERS (a list).

local json = require "cjson.safe"

local RATE_LIMIT_HEADERS = { "Limit", "Remaining", "Reset" }

-- Returns the refusal that an answer of the gateway is, nil for none, and the status to give it.
local function refusal_of(name, status)
  if not name and status < 400 then
    return nil, status
  end
  name = name or REFUSAL_BY_STATUS[status]
  if not name and status < 500 then
    return REFUSALS.bad_request, status
  end
  local refusal = REFUSALS[name or "upstream_unavailable"]
  return refusal, refusal.status
end

return function()
  local response, shared = kong.response, kong.ctx.shared
  for _, name in ipairs(REMOVED_HEADERS) do
    response.clear_header(name)
  end
  for name, value in pairs(SECURITY_HEADERS) do
    if not (shared.plain_http and name == "Strict-Transport-Security") then
      response.set_header(name, value)
    end
  end
  for _, name in ipairs(RATE_LIMIT_HEADERS) do
    local value = response.get_header("RateLimit-" .. name)
    if value then
      response.set_header("X-RateLimit-" .. name, value)
      response.clear_header("RateLimit-" .. name)
      response.clear_header("X-RateLimit-" .. name .. "-Minute")
    end
  end

  if response.get_source() == "service" then
    return
  end
  local refusal, status = refusal_of(shared.refusal, response.get_status())
  if not refusal then
    return
  end
  response.set_status(status)
  response.set_header("Content-Type", "application/json")
  response.clear_header("Content-Length")
  for name, value in pairs(refusal.headers) do
    response.set_header(name, value)
  end
  shared.answer = json.encode({
    success = false,
    error = { code = refusal.code, message = refusal.message },
    message = refusal.message,
    request_id = response.get_header("X-Request-ID") or json.null,
  })
end
