-- Takes off a component's answer what the gateway alone says.
-- Defined above this text: PERMISSIONS (a list of headers).

return function()
  if kong.response.get_source() == "service" then
    for _, name in ipairs(PERMISSIONS) do
      kong.response.clear_header(name)
    end
  end
end
