-- Read a user's record in one instant. KEYS: record, window, timers. Returns nil or three HGETALLs.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return {
  redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
}
