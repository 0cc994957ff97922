-- Read the earliest timers that are due, and when the next one is.
-- KEYS[1] due index  ARGV: now, limit, prefix of the timers' keys
-- Returns {next due or nil, member, timer, member, timer, ...}

local now, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local rows = redis.call('ZRANGE', KEYS[1], 0, limit, 'WITHSCORES')
local found = { false }
for n = 1, #rows, 2 do
  if tonumber(rows[n + 1]) > now or n > 2 * limit then
    found[1] = rows[n + 1]
    break
  end
  local user, name = rows[n]:match('^(%Z*)%z(.*)$')
  table.insert(found, rows[n])
  table.insert(found, redis.call('HGET', ARGV[3] .. user, name))
end
return found
