-- What becomes of a body that ModSecurity would take in whole. nginx by itself limits the time between
-- two parts of it alone: one that is sent a byte at a time would never end.
local request = ngx.var
if not request.http_transfer_encoding and (request.http_content_length or "0") == "0" then
  return
end
-- The gateway refuses it by its head, and no component sees it: nobody waits for it here.
if request.plinth_without_key == "1" then
  return ngx.exec("@without_key")
end
local deadline = ngx.thread.spawn(function()
  ngx.sleep(tonumber(request.plinth_body_seconds))
  return ngx.exec(request.plinth_too_slow)
end)
ngx.req.read_body()
ngx.thread.kill(deadline)
