-- Read inbox entries with their attempts.
-- KEYS: inbox, attempts, one user's inbox index (or none)  ARGV: after, limit
-- Returns {{id, fields, attempts or nil}, ...}

local after, limit = tonumber(ARGV[1]), tonumber(ARGV[2])

local function entries()
  if not KEYS[3] then
    return redis.call('XRANGE', KEYS[1], (after + 1) .. '-0', '+', 'COUNT', limit)
  end
  local seqs, found = {}, {}
  for _, seq in ipairs(redis.call('HKEYS', KEYS[3])) do
    if tonumber(seq) > after then
      table.insert(seqs, tonumber(seq))
    end
  end
  table.sort(seqs)
  for n = 1, math.min(limit, #seqs) do
    local id = string.format('%.0f-0', seqs[n])
    table.insert(found, redis.call('XRANGE', KEYS[1], id, id)[1])
  end
  return found
end

local rows = entries()
for _, row in ipairs(rows) do
  row[3] = redis.call('HGET', KEYS[2], 'inbox:' .. row[1]:match('^%d+'))
end
return rows
