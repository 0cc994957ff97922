-- Give up a partition if it is ours: its fence stays, and fits nobody. KEYS[1] own  ARGV: node, nonce.

local own = redis.call('HMGET', KEYS[1], 'fence', 'token', 'owner')
if own[1] and own[2] == own[1] .. ':' .. ARGV[2] and own[3] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'token', '')
  redis.call('HDEL', KEYS[1], 'owner')
end
return 1
