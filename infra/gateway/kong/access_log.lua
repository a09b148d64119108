-- What the log says of a request: these fields in place of Kong's own, which hold headers and
-- queries.
-- Defined above this text: OMITTED (Kong's own fields) and ROUTES (Kong's name of a route to ours).

-- Milliseconds since 1970 as a time of day in UTC.
local function timestamp(milliseconds)
  local seconds = math.floor(milliseconds / 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. (".%03dZ"):format(milliseconds % 1000)
end

return function()
  local set = kong.log.set_serialize_value
  for _, name in ipairs(OMITTED) do
    set(name, nil)
  end
  local shared = kong.ctx.shared
  local route = kong.router.get_route()
  local request_id = kong.response.get_header("X-Request-ID")
  local start = kong.request.get_start_time()
  set("time", timestamp(start))
  set("service", "gateway")
  set("request_id", request_id and request_id:sub(1, 128))
  set("client", shared.client or kong.client.get_ip())
  set("method", kong.request.get_method():sub(1, 16))
  set("path", kong.request.get_raw_path():sub(1, 512))
  set("route", route and ROUTES[route.name])
  set("role", shared.role)
  set("status", kong.response.get_status())
  set("details", shared.refusal or kong.response.get_source())
  set("duration_ms", math.floor(ngx.now() * 1000 - start))
  set("bytes_received", tonumber(ngx.var.request_length))
  set("bytes_sent", tonumber(ngx.var.bytes_sent))
end
