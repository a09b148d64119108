-- Tells who sends a request, from the connection and from what proxies in front say.
-- Defined above this text: the function of joined.lua and TRUSTED_PROXIES.

-- Returns the address that the proxy farthest from here, of those that are trusted, was asked from;
-- the connection's own where fewer proxies have written theirs, or something that is no address.
local function client_address(forwarded_for)
  local connection = kong.client.get_ip()
  if TRUSTED_PROXIES == 0 or not forwarded_for then
    return connection
  end
  local addresses = {}
  for address in joined(forwarded_for):gmatch("[^,%s]+") do
    addresses[#addresses + 1] = address
  end
  local address = addresses[#addresses - TRUSTED_PROXIES + 1]
  return address and address:find("^[%x:][%x:%.]*$") and address or connection
end

-- Returns what requests are counted by: the address, or with IPv6 its /64 network, which one
-- customer holds as a whole.
local function network(address)
  local embedded = address:match("^::[fF][fF][fF][fF]:(%d+%.%d+%.%d+%.%d+)$")
  if embedded or not address:find(":", 1, true) then
    return embedded or address
  end
  local before, after = address:match("^(.-)::(.*)$")
  local groups = {}
  for group in (before or address):gmatch("%x+") do
    groups[#groups + 1] = group
  end
  local behind = {}
  for group in (after or ""):gmatch("%x+") do
    behind[#behind + 1] = group
  end
  if before then
    while #groups + #behind < 8 do
      groups[#groups + 1] = "0"
    end
    for _, group in ipairs(behind) do
      groups[#groups + 1] = group
    end
  end
  local first = {}
  for position = 1, 4 do
    first[position] = ("%x"):format(tonumber(groups[position] or "0", 16))
  end
  return table.concat(first, ":") .. "::"
end
