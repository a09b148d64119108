-- Decides what becomes of the credentials that a request presents. Every rendering runs it.
-- Defined above this text: TOKEN_BY_KEY (key to `Bearer <token>`) and TOKEN_BY_AUTHORIZATION
-- (`Bearer <key>` to `Bearer <token>`).

-- Returns a bearer credential that is not an API key with the scheme in its usual spelling, or
-- nil where it holds what no token holds.
local function token_authorization(authorization)
  if authorization:find("^Bearer [%w_%-%.]+$") then
    return authorization
  end
  local scheme, token = authorization:match("^(%a+) +([%w_%-%.]+)$")
  return scheme and scheme:lower() == "bearer" and "Bearer " .. token or nil
end

-- Returns the value that header Authorization must have behind the gateway, nil for none; and, as
-- second value, the code of the refusal, nil where the request may go on.
local function exchange_credential(key, authorization, key_required)
  local token
  if authorization then
    token = TOKEN_BY_AUTHORIZATION[authorization]
    if not token then
      authorization = token_authorization(authorization)
      token = authorization and TOKEN_BY_AUTHORIZATION[authorization]
    end
    if not token then
      if not authorization then
        return nil, "invalid_token"
      elseif authorization:find("Bearer sb_", 1, true) == 1 then
        return nil, "invalid_api_key"
      end
    end
  end

  local key_token = key and TOKEN_BY_KEY[key]
  if key_required and not key_token and (key or not token) then
    return nil, key and "invalid_api_key" or "missing_api_key"
  end
  return token or authorization or key_token, nil
end
