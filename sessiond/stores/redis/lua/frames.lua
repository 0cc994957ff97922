-- Read the frames above an offset. KEYS[1] outbox  ARGV: offset. The caller drops those at or below it.

local after = tonumber(ARGV[1])
local first = redis.call('LINDEX', KEYS[1], 0)
local start = 0
if first then
  start = math.max(0, after - tonumber(first:match('^%d+')))
  local at = redis.call('LINDEX', KEYS[1], start)
  if not at or tonumber(at:match('^%d+')) > after then
    start = 0 -- an offset is missing or doubled: the caller looks through all
  end
end
return redis.call('LRANGE', KEYS[1], start, -1)
