-- Count that an input is attempted in this reign, once.
-- KEYS[1] own  KEYS[2] attempts  ARGV: token, counter, generation
-- Returns the count, or -1 when the partition has another owner.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return -1
end
local count = 1
local known = redis.call('HGET', KEYS[2], ARGV[2])
if known then
  local generation, before, token = known:match('^(%d+):(%d+):(.*)$')
  if generation == ARGV[3] then
    count = tonumber(before)
    if token ~= ARGV[1] then
      count = count + 1
    end
  end
end
redis.call('HSET', KEYS[1], 'counted', 1) -- tells commits that there are counters to forget
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. ':' .. count .. ':' .. ARGV[1])
return count
