-- Swaps the caller's API key for the internal token of its role, or refuses the request. Says of a
-- request that only reads that it may be sent again.
-- Defined above this text: the functions of credential.lua and query.lua, KEY_REQUIRED and
-- KEY_IN_QUERY.

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
  local key, kept = split_query(query)
  headers:replace(":path", kept ~= "" and path .. "?" .. kept or path)
  return key
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

  local token, refusal = exchange_credential(key, authorization, KEY_REQUIRED)
  if refusal then
    return refuse(handle, refusal)
  end
  if token and token ~= authorization then
    headers:replace("authorization", token)
  end
  if READS[headers:get(":method")] then
    headers:replace("x-envoy-retry-on", REPEATED_READ)
  end
end
