-- Extend a lease. KEYS[1] node key  ARGV: nonce, milliseconds. Returns 0 when another nonce holds it.

local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
