-- Remove a dead letter and return it. KEYS: dead, dead.ids  ARGV: id.

local letter = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return letter
