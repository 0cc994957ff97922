-- Take partitions, or none of them when a live node other than ours holds one.
--
-- KEYS[1]  the `own` key of the first partition (it routes the call in a cluster)
-- ARGV[1]  msgpack: {prefixes, node, nonce, window due, node key prefix or false, lease in milliseconds}
--          without a node key prefix (cluster: other slots) the caller has looked at the leases and taken ours
-- Returns  {refusing node, its partition's position} or {1, fence, next due, has pending, fence, ...}

local call, insert = redis.call, table.insert
local asked = cmsgpack.unpack(ARGV[1])
local prefixes, node, nonce, window_due = asked[1], asked[2], asked[3], asked[4]
local node_keys, lease = asked[5], asked[6]

local function date_windows(prefix)
  for _, user in ipairs(call('SMEMBERS', prefix .. 'undated')) do
    local timer = call('HGET', prefix .. 't:' .. user, '$window')
    local generation, payload = (timer or ''):match('^(%d+)::(.*)$')
    if generation then
      call('HSET', prefix .. 't:' .. user, '$window', generation .. ':' .. window_due .. ':' .. payload)
      call('ZADD', prefix .. 'due', window_due, user .. '\0$window')
    end
  end
  call('DEL', prefix .. 'undated')
end

if node_keys then
  for n, prefix in ipairs(prefixes) do
    local owner = call('HGET', prefix .. 'own', 'owner')
    if owner and owner ~= node and call('EXISTS', node_keys .. owner) == 1 then
      return { owner, n }
    end
  end
  call('SET', node_keys .. node, nonce, 'PX', lease)
end

local taken = { 1 }
for _, prefix in ipairs(prefixes) do
  local fence = call('HINCRBY', prefix .. 'own', 'fence', 1)
  call('HSET', prefix .. 'own', 'token', fence .. ':' .. nonce, 'owner', node)
  date_windows(prefix)
  insert(taken, fence)
  insert(taken, call('ZRANGE', prefix .. 'due', 0, 0, 'WITHSCORES')[2] or false)
  insert(taken, call('XLEN', prefix .. 'inbox') > 0 and 1 or 0)
end
return taken
