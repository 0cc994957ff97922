-- Read deliveries in the order of their members.
-- KEYS[1] delivery index  ARGV: limit, prefix of the deliveries' keys, "(" and the member to begin after
-- Returns {member, delivery, ...}

local found = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[3], '+', 'BYLEX', 'LIMIT', 0, ARGV[1])) do
  local id, user = member:match('^(.*)%z(%Z*)$')
  table.insert(found, member)
  table.insert(found, redis.call('HGET', ARGV[2] .. user, id))
end
return found
