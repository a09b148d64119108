-- Splits a query: the value of parameter `apikey`, nil where there is none, and what else is there.
local function split_query(query)
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
  return key, table.concat(kept, "&")
end
