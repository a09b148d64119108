-- Returns a header that may have been sent more than once as one value (RFC 9110, section 5.3).
local function joined(value)
  return type(value) == "table" and table.concat(value, ",") or value
end
