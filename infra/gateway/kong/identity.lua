-- Who a request is made as, and whether its path is for them; then sends it on under the path that
-- the component knows. Runs after rates and sizes have been looked at.
-- Defined above this text: the functions of credential.lua, token.lua, joined.lua and refuse.lua;
-- ROUTES (Kong's name of a route to access, prefix, upstream_prefix, key_in_query and
-- held_body_limit) and CLIENT_HEADER.

return function()
  local shared = kong.ctx.shared
  local route = kong.router.get_route()
  local terms = route and ROUTES[route.name]
  local path = kong.request.get_path()
  -- A route without terms is a route that nobody may use.
  if not terms or path:sub(1, #terms.prefix) ~= terms.prefix then
    return refuse("not_found")
  end

  local headers = kong.request.get_headers()
  -- Two of one header are one that no key is equal to.
  local key = joined(headers.apikey)
  if terms.key_in_query and shared.key_in_query then
    key = shared.key_in_query
  end
  local presented = joined(headers.authorization)
  local authorization, refusal = exchange_credential(key, presented, terms.access ~= "public")
  if refusal then
    return refuse(refusal)
  end

  if authorization then
    shared.role = verified_role(authorization:sub(#"Bearer " + 1))
    if not shared.role then
      return refuse("invalid_token")
    end
  end
  if terms.access == "service_role" and shared.role ~= "service_role" then
    return refuse("forbidden")
  end

  if not headers["content-length"] then
    -- The plugin that limits sizes looks at bodies of this kind in nginx's buffer alone. nil where
    -- it did not fit in there.
    local body = kong.request.get_raw_body()
    if not body or #body > terms.held_body_limit then
      return refuse("payload_too_large")
    end
  end

  if authorization and authorization ~= presented then
    kong.service.request.set_header("Authorization", authorization)
  end
  kong.service.request.clear_header("apikey")
  kong.service.request.clear_header(CLIENT_HEADER)
  local upstream_path = terms.upstream_prefix .. path:sub(#terms.prefix + 1)
  kong.service.request.set_path(upstream_path ~= "" and upstream_path or "/")
end
