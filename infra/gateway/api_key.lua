-- Swaps the caller's API key for the internal token of its role, or refuses the request. Says of a
-- request that only reads that it may be sent again.
-- Defined above this text: TOKEN_BY_KEY (key to `Bearer <token>`), TOKEN_BY_AUTHORIZATION
-- (`Bearer <key>` to `Bearer <token>`), KEY_REQUIRED and KEY_IN_QUERY.

local function refuse(handle, code)
  handle:streamInfo():dynamicMetadata():set("plinth.gateway", "error", code)
  handle:respond({[":status"] = "401"}, "")
end

-- Returns the value of query parameter `apikey`, and takes it out of the path.
local function take_key_from_query(headers)
  local target = headers:get(":path")
  if not target:find("apikey=", 1, true) then
    return nil
  end
  local path, query = target:match("^([^?]*)%?(.*)$")
  if not query then
    return nil
  end
  local key
  local kept = {}
  for parameter in query:gmatch("[^&]+") do
    local value = parameter:match("^apikey=(.*)$")
    if value then
      key = key or value
    else
      kept[#kept + 1] = parameter
    end
  end
  headers:replace(":path", #kept > 0 and path .. "?" .. table.concat(kept, "&") or path)
  return key
end

-- Returns a bearer credential that is not an API key with the scheme in its usual spelling, or
-- nil where it holds what no token holds.
local function token_authorization(authorization)
  if authorization:find("^Bearer [%w_%-%.]+$") then
    return authorization
  end
  local scheme, token = authorization:match("^(%a+) +([%w_%-%.]+)$")
  return scheme and scheme:lower() == "bearer" and "Bearer " .. token or nil
end

local READS = { GET = true, HEAD = true, OPTIONS = true }
-- A container that ends drops what it is answering; one whose database is away answers 503.
local REPEATED_READ = "reset,retriable-status-codes"

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = headers:get("apikey")
  local authorization = headers:get("authorization")
  if key then
    headers:remove("apikey")
  end
  -- Taken out even where it does not count: the component may log its paths.
  local key_in_query = take_key_from_query(headers)
  if KEY_IN_QUERY then
    key = key_in_query or key
  end

  local token
  local presented = authorization
  if authorization then
    token = TOKEN_BY_AUTHORIZATION[authorization]
    if not token then
      authorization = token_authorization(authorization)
      token = authorization and TOKEN_BY_AUTHORIZATION[authorization]
    end
    if not token then
      if not authorization then
        return refuse(handle, "invalid_token")
      elseif authorization:find("Bearer sb_", 1, true) == 1 then
        return refuse(handle, "invalid_api_key")
      end
    end
  end

  local key_token = key and TOKEN_BY_KEY[key]
  if KEY_REQUIRED and not key_token and (key or not token) then
    return refuse(handle, key and "invalid_api_key" or "missing_api_key")
  end
  token = token or authorization or key_token
  if token and token ~= presented then
    headers:replace("authorization", token)
  end
  if READS[headers:get(":method")] then
    headers:replace("x-envoy-retry-on", REPEATED_READ)
  end
end
