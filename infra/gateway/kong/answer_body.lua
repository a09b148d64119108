-- Puts the body that answer.lua has made in place of the one that was there.

return function()
  local answer = kong.ctx.shared.answer
  -- nil until the last part of the body.
  if answer and kong.response.get_raw_body() then
    kong.response.set_raw_body(answer)
  end
end
