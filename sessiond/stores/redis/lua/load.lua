-- Read a user's record in one instant. KEYS: record, window, timers. Returns nil or three HGETALLs.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local window = redis.call('HGETALL', KEYS[2])
for n = 2, #window, 2 do
  window[n] = window[n]:sub(1, 8) -- without the replies
end
return {
  redis.call('HGETALL', KEYS[1]),
  window,
  redis.call('HGETALL', KEYS[3]),
}
