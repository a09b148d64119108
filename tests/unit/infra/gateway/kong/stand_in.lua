-- What Kong's scripts find around them. The functions of the host below do the work (stand_in.py).
-- Returns the function that loads a script as Kong's sandbox does: its result is run once for the
-- function at its end.
local host = ...

local SANDBOX = {}
-- The functions of Kong 3.9's kong/tools/kong-lua-sandbox.lua that scripts have a use for.
for name in ([[
  _VERSION assert error ipairs next pairs pcall select tonumber tostring type unpack xpcall
]]):gmatch("%S+") do
  SANDBOX[name] = _G[name]
end
for library, names in pairs({
  math = "abs ceil floor fmod huge max min modf pi",
  os = "clock date difftime time",
  string = "byte char find format gmatch gsub len lower match rep reverse sub upper",
  table = "concat insert maxn remove sort",
}) do
  SANDBOX[library] = {}
  for name in names:gmatch("%S+") do
    SANDBOX[library][name] = _G[library][name]
  end
end

SANDBOX.ngx = {
  decode_base64 = host.decode_base64,
  now = host.now,
  time = host.time,
  var = setmetatable({}, {
    __index = function(_, name)
      return host.variable(name)
    end,
  }),
}

local modules = {
  ["cjson.safe"] = {
    null = host.null,
    decode = host.json_decode,
    encode = function(value)
      return host.json_encode(value)
    end,
  },
  ["resty.openssl.hmac"] = {
    new = function(secret, algorithm)
      return {
        final = function(_, text)
          return host.hmac(secret, algorithm, text)
        end,
      }
    end,
  },
  ["resty.openssl.pkey"] = {
    new = function(text, options)
      assert(options.format == "JWK")
      return {
        verify = function(_, signature, text_signed, digest, padding, settings)
          assert(padding == nil)
          return host.verify(text, signature, text_signed, digest, settings.ecdsa_use_raw)
        end,
      }
    end,
  },
}

local context = {}
local kong = {
  client = { get_ip = host.get_ip },
  ctx = { shared = context },
  log = { set_serialize_value = host.set_log_value },
  request = {
    get_headers = host.get_headers,
    get_method = host.get_method,
    get_path = host.get_path,
    get_raw_body = host.get_request_body,
    get_raw_path = host.get_raw_path,
    get_raw_query = host.get_raw_query,
    get_scheme = host.get_scheme,
    get_start_time = host.get_start_time,
  },
  response = {
    clear_header = host.clear_response_header,
    exit = host.exit,
    get_header = host.get_response_header,
    get_raw_body = host.get_raw_body,
    get_source = host.get_source,
    get_status = host.get_status,
    set_header = host.set_response_header,
    set_raw_body = host.set_raw_body,
    set_status = host.set_status,
  },
  router = { get_route = host.get_route },
  service = {
    request = {
      clear_header = host.clear_header,
      set_header = host.set_header,
      set_path = host.set_path,
      set_raw_query = host.set_raw_query,
    },
  },
}
SANDBOX.kong = kong

function SANDBOX.require(name)
  if not host.may_require(name) then
    error("require '" .. name .. "' not allowed within sandbox")
  end
  return modules[name]
end

local function load_script(text)
  local chunk = assert(loadstring(text))
  setfenv(chunk, SANDBOX)
  local result = chunk()
  assert(type(result) == "function", "the script returns no function")
  return result
end

local function next_request()
  for name in pairs(context) do
    context[name] = nil
  end
end

return load_script, next_request
