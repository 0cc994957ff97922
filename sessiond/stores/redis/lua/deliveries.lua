-- Read the deliveries that are due first.
-- KEYS[1] delivery index  ARGV: limit, prefix of the deliveries' keys. Returns {member, delivery, ...}

local found = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local id, user = member:match('^(.*)%z(%Z*)$')
  table.insert(found, member)
  table.insert(found, redis.call('HGET', ARGV[2] .. user, id))
end
return found
