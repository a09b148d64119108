-- What wrk sends besides a plain GET, and what it measured as one line of JSON.
-- Arguments: nothing, or `password USERS PASSWORD`, or `refresh USERS`; see bench/sign_in.py.
local function post(grant, body)
  return wrk.format("POST", "/token?grant_type=" .. grant, nil, body)
end

function init(arguments)
  local grant, users, password = arguments[1], tonumber(arguments[2]), arguments[3]
  if not grant then return end
  wrk.headers["Content-Type"] = "application/json"
  local number = 0
  function request()
    number = number % users + 1 -- every user in turn: a refresh token is exchanged once
    if grant == "password" then
      local body = '{"email":"user-%d@load.example","password":"%s"}'
      return post("password", string.format(body, number, password))
    end
    return post("refresh_token", string.format('{"refresh_token":"active-%d"}', number))
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"median_microseconds":%d,"slowest_percent_microseconds":%d,' ..
    '"failures":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
