-- Verifies tokens: signature by the key set, issuer, audience, times and role.
-- Defined above this text: KEYS (a list of id, algorithm and, by algorithm, jwk or secret), ISSUER,
-- AUDIENCE, ROLES (a set) and CLOCK_SKEW.

local json = require "cjson.safe"
local openssl_hmac = require "resty.openssl.hmac"
local openssl_pkey = require "resty.openssl.pkey"

local PADDING = { [0] = "", [2] = "==", [3] = "=" }

-- Returns the bytes of a text in base64url without padding, or nil.
local function decoded(text)
  local padding = PADDING[#text % 4]
  if not padding or not text:find("^[%w_%-]*$") then
    return nil
  end
  return ngx.decode_base64(text:gsub("%-", "+"):gsub("_", "/") .. padding)
end

-- Each key verifies its own algorithm, whatever the token's header says (RFC 8725, section 3.1).
local VERIFIERS = {
  ES256 = function(key)
    local public_key = assert(openssl_pkey.new(key.jwk, { format = "JWK" }))
    return function(signature, signed)
      return #signature == 64
        and public_key:verify(signature, signed, "sha256", nil, { ecdsa_use_raw = true }) == true
    end
  end,
  HS256 = function(key)
    local secret = assert(decoded(key.secret))
    return function(signature, signed)
      -- Strings are equal if they are the same object: the time says nothing about their bytes.
      return assert(openssl_hmac.new(secret, "sha256")):final(signed) == signature
    end
  end,
}

local VERIFYING_KEYS = {}
for position, key in ipairs(KEYS) do
  VERIFYING_KEYS[position] = {
    id = key.id,
    algorithm = key.algorithm,
    verifies = VERIFIERS[key.algorithm](key),
  }
end

local function signed_by_known_key(header, signature, signed)
  if header.kid ~= nil and type(header.kid) ~= "string" then
    return false
  end
  for _, key in ipairs(VERIFYING_KEYS) do
    if
      key.algorithm == header.alg
      and (header.kid == nil or header.kid == key.id)
      and key.verifies(signature, signed)
    then
      return true
    end
  end
  return false
end

local function is_for_us(audience)
  if type(audience) ~= "table" then
    return audience == AUDIENCE
  end
  for _, entry in ipairs(audience) do
    if entry == AUDIENCE then
      return true
    end
  end
  return false
end

local function holds_now(claims)
  local now = ngx.time()
  local expiry, start = claims.exp, claims.nbf
  if type(expiry) ~= "number" or now > expiry + CLOCK_SKEW then
    return false
  end
  return start == nil or type(start) == "number" and now >= start - CLOCK_SKEW
end

-- Returns the role of a valid token, or nil.
local function verified_role(token)
  local header_part, claims_part, signature_part = token:match("^([^.]+)%.([^.]+)%.([^.]+)$")
  if not header_part then
    return nil
  end
  local signature = decoded(signature_part)
  local header = json.decode(decoded(header_part) or "")
  -- Nothing is known here that a token could call critical (RFC 7515, section 4.1.11).
  if not signature or type(header) ~= "table" or header.crit ~= nil then
    return nil
  end
  if not signed_by_known_key(header, signature, header_part .. "." .. claims_part) then
    return nil
  end
  local claims = json.decode(decoded(claims_part) or "")
  if type(claims) ~= "table" or claims.iss ~= ISSUER or not is_for_us(claims.aud) then
    return nil
  end
  return holds_now(claims) and ROLES[claims.role] and claims.role or nil
end
