-- Write arrivals to their partitions' inboxes, without those whose digest the user's window has.
--
-- KEYS[1]  the `own` key of the first partition (it routes the call in a cluster)
-- ARGV[1]  msgpack: {partitions, arrivals}, see inbox.py for the positions
-- Returns  {seq, reply, seq, reply, ...}: seq above 0 accepted, 0 duplicate (with its reply or nil), -1 fenced

local call, insert = redis.call, table.insert
local UNSEEN = struct.pack('>d', 0 / 0)
local PURGE_EACH = 64 -- ids: looking for expired ones costs 10 µs, and is paid once in so many arrivals

local batch = cmsgpack.unpack(ARGV[1])
local partitions, arrivals = batch[1], batch[2]

local function holds(partition)
  if partition[3] == nil then
    partition[3] = call('HGET', partition[1] .. 'own', 'token') == partition[2]
  end
  return partition[3]
end

local function is_expired(known, now)
  return struct.unpack('>d', known, 9) <= now
end

local function purge(prefix, user, now)
  local ids = call('HGETALL', prefix .. 'd:' .. user)
  for n = 1, #ids, 2 do
    if is_expired(ids[n + 1], now) then
      call('HDEL', prefix .. 'd:' .. user, ids[n])
    end
  end
end

local function accept(arrival)
  local partition = partitions[arrival[1]]
  if not holds(partition) then
    return -1, false
  end
  local prefix, user, digest, now = partition[1], arrival[2], arrival[3], arrival[7]
  local window = prefix .. 'd:' .. user
  local known = call('HGET', window, digest)
  if known and not is_expired(known, now) then
    call('HSET', window, digest, known) -- changes nothing; WAIT counts replicas from our latest write
    return 0, #known > 16 and known:sub(18)
  end
  local seq = call('HINCRBY', prefix .. 'own', 'seq', 1)
  call('XADD', prefix .. 'inbox', seq .. '-0',
    'u', user, 'd', digest, 'k', arrival[4], 'b', arrival[5], 't', arrival[6])
  call('HSET', prefix .. 'i:' .. user, seq, digest)
  call('HSET', window, digest, UNSEEN .. arrival[8])
  if call('HLEN', window) % PURGE_EACH == 0 then
    purge(prefix, user, now)
  end
  return seq, false
end

local receipts = {}
for _, arrival in ipairs(arrivals) do
  local seq, reply = accept(arrival)
  insert(receipts, seq)
  insert(receipts, reply)
end
return receipts
