-- Ends a request. What the client reads is made by answer.lua, for this and every other refusal.
-- Defined above this text: REFUSALS (name to status and message).

local function refuse(name)
  local refusal = REFUSALS[name]
  kong.ctx.shared.refusal = name
  return kong.response.exit(refusal.status, { message = refusal.message })
end
