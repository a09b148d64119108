-- What every request passes first: it can be read in one way only, carries no identity that the
-- client made up, and says who is counted for it.
-- Defined above this text: the functions of client.lua, joined.lua, query.lua and refuse.lua;
-- METHODS, WEBSOCKET_ROUTES and REMOVED_HEADERS (sets), REMOVED_PREFIXES (a list), MAXIMUM_HEADERS,
-- CLIENT_HEADER, and REDIRECT (the public URL that plain HTTP is sent to, or "").

-- An encoded slash, backslash or zero is one thing to the gateway and another to a component.
local AMBIGUOUS = { "%%2[fF]", "%%5[cC]", "%%00", "\\", "#" }

local function readable(path)
  if path:sub(1, 1) ~= "/" then
    return false
  end
  for _, pattern in ipairs(AMBIGUOUS) do
    if path:find(pattern) then
      return false
    end
  end
  return true
end

local function has_prefix(name)
  for _, prefix in ipairs(REMOVED_PREFIXES) do
    if name:sub(1, #prefix) == prefix then
      return true
    end
  end
  return false
end

-- Returns why the headers as a whole are refused, or nil.
local function unreadable(headers)
  local count = 0
  for name, value in pairs(headers) do
    count = count + (type(value) == "table" and #value or 1)
    -- To a CGI-style server `X_User_Id` reads as `X-User-Id`.
    if name:find("_", 1, true) then
      return "bad_request"
    end
  end
  if count > MAXIMUM_HEADERS then
    return "too_many_headers"
  end
  if headers["content-length"] and headers["transfer-encoding"] then
    return "bad_request"
  end
end

-- Returns whether an upgrade is asked for that the route does not make. Kong itself passes none on
-- but that to a websocket, for which it does not look at Connection.
local function refused_upgrade(headers, route)
  local protocol = headers.upgrade
  if not protocol then
    return false
  end
  protocol = joined(protocol):lower()
  if route and WEBSOCKET_ROUTES[route.name] and protocol == "websocket" then
    return false
  end
  local connection = (joined(headers.connection) or ""):lower()
  local asked_for = protocol == "websocket"
  for option in connection:gmatch("[^,%s]+") do
    asked_for = asked_for or option == "upgrade"
  end
  -- HTTP/2 without TLS is offered by clients that go on with HTTP/1.1 (RFC 9113, section 3.1).
  return asked_for and protocol ~= "h2c"
end

local function redirect(path)
  local query = kong.request.get_raw_query()
  local target = REDIRECT .. path .. (query ~= "" and "?" .. query or "")
  kong.ctx.shared.plain_http = true
  return kong.response.exit(308, "", { ["Location"] = target })
end

return function()
  local shared = kong.ctx.shared
  local headers = kong.request.get_headers(MAXIMUM_HEADERS + 1)
  shared.client = client_address(headers["x-forwarded-for"])

  local path = kong.request.get_raw_path()
  if not readable(path) then
    return refuse("bad_request")
  end
  if REDIRECT ~= "" and kong.request.get_scheme() == "http" then
    return redirect(path)
  end
  local reason = unreadable(headers)
  if reason then
    return refuse(reason)
  end
  if not METHODS[kong.request.get_method()] then
    return refuse("method_not_allowed")
  end
  if refused_upgrade(headers, kong.router.get_route()) then
    return refuse("no_such_upgrade")
  end

  for name in pairs(headers) do
    if REMOVED_HEADERS[name] or has_prefix(name) then
      kong.service.request.clear_header(name)
    end
  end
  kong.service.request.set_header(CLIENT_HEADER, network(shared.client))

  local query = kong.request.get_raw_query()
  if query:find("apikey=", 1, true) then
    -- Taken out even where it does not count: the component may log its paths.
    local key, kept = split_query(query)
    shared.key_in_query = key
    kong.service.request.set_raw_query(kept)
  end
end
