-- Apply a batch of commits: all or nothing for each user, one refusal never stops the others.
--
-- KEYS[1]  the `own` key of the first partition (it routes the call in a cluster)
-- ARGV[1]  msgpack: {partitions, commits}, see commits.py for the positions
-- Returns  1 when every commit was applied to the version it expected,
--          else {status, version, status, version, ...}: 0 applied, 1 fenced, 2 conflict, 3 too large
--
-- Order of a user's writes: what is added, then the version with the commit id, then what is removed.
-- Redis does not undo a script that errors. This way a commit that was cut short is not marked as applied and is
-- written again when it is repeated (all writes but two bounded lists overwrite themselves), and a server that is out
-- of memory refuses the first write, before anything was removed.

local APPLIED, FENCED, CONFLICT, TOO_LARGE = 0, 1, 2, 3
local WINDOW = '$window'
local call, insert = redis.call, table.insert
local NEVER = struct.pack('>d', math.huge)
local UNSEEN = struct.pack('>d', 0 / 0)

local batch = cmsgpack.unpack(ARGV[1])
local partitions, commits = batch[1], batch[2]

local function holds(partition)
  if partition[3] == nil then
    partition[3] = call('HGET', partition[1] .. 'own', 'token') == partition[2]
  end
  return partition[3]
end

-- Lua's stack holds 8000 values: longer lists go in parts.
local function push(key, items)
  for n = 1, #items, 1000 do
    call('RPUSH', key, unpack(items, n, math.min(n + 999, #items)))
  end
end

local function add_consumed(prefix, user, consumed)
  for n = 1, #consumed, 3 do
    local digest, at, reply = consumed[n], consumed[n + 1], consumed[n + 2]
    local known = call('HGET', prefix .. 'd:' .. user, digest)
    call('HSET', prefix .. 'd:' .. user, digest, at .. (known and known:sub(9) or NEVER))
    if reply then
      call('HSET', prefix .. 'r:' .. user, digest, reply)
    elseif known then
      call('HDEL', prefix .. 'r:' .. user, digest)
    end
  end
end

local function set_timers(prefix, user, timers)
  for n = 1, #timers, 3 do
    local name, value, due = timers[n], timers[n + 1], timers[n + 2]
    local member = user .. '\0' .. name
    if value then
      call('HSET', prefix .. 't:' .. user, name, value)
    end
    if due then
      call('ZADD', prefix .. 'due', due, member)
    end
    if name == WINDOW and value and not due then
      call('SADD', prefix .. 'undated', user)
    end
  end
end

local function unset_timers(prefix, user, timers)
  for n = 1, #timers, 3 do
    local name, value, due = timers[n], timers[n + 1], timers[n + 2]
    if not value then
      call('HDEL', prefix .. 't:' .. user, name)
    end
    if not due then
      call('ZREM', prefix .. 'due', user .. '\0' .. name)
    end
    if name == WINDOW and (due or not value) then
      call('SREM', prefix .. 'undated', user)
    end
    call('HDEL', prefix .. 'attempts', 'timer:' .. user .. ':' .. name)
  end
end

local function add_deliveries(prefix, user, deliveries)
  for n = 1, #deliveries, 3 do
    local id, value, due = deliveries[n], deliveries[n + 1], deliveries[n + 2]
    call('HSET', prefix .. 'g:' .. user, id, value)
    call('ZADD', prefix .. 'deliveries', due, id .. '\0' .. user)
  end
end

local function add_dead_letters(prefix, letters)
  for n = 1, #letters, 2 do
    call('HSET', prefix .. 'dead', letters[n], letters[n + 1])
    call('ZADD', prefix .. 'dead.ids', 0, letters[n])
  end
end

local function set_record(prefix, user, record, commit, slot)
  local fields = { 'v', commit[3] + 1, 'c', commit[4] }
  if commit[5] then
    insert(fields, 'i')
    insert(fields, slot)
  end
  if commit[6] then
    for n, name in ipairs({ 'e', 'h', 'f', 'l', 'z' }) do
      insert(fields, name)
      insert(fields, commit[6][n])
    end
  end
  call('HSET', record, unpack(fields))
  if commit[3] == 0 then
    call('ZADD', prefix .. 'users', 0, user)
  end
end

-- Frames of another epoch are all those before the ones just added.
local function trim_frames(prefix, user, commit, epoch)
  local key, stream = prefix .. 'o:' .. user, commit[6]
  if epoch and epoch ~= stream[1] then
    local added = #commit[7]
    if added == 0 then
      call('DEL', key)
    else
      call('LTRIM', key, -added, -1)
    end
  end
  local floor = stream[3]
  local first = call('LINDEX', key, 0)
  while first do
    local offset = tonumber(first:match('^%d+'))
    if offset > floor then
      return
    end
    local last = call('LINDEX', key, floor - offset) -- where it is when no offset is missing
    if last and tonumber(last:match('^%d+')) == floor then
      call('LTRIM', key, floor - offset + 1, -1)
      return
    end
    call('LPOP', key)
    first = call('LINDEX', key, 0)
  end
end

local function forget(prefix, user, digests)
  for _, digest in ipairs(digests) do
    local known = call('HGET', prefix .. 'd:' .. user, digest)
    if known and known:sub(9) ~= NEVER then
      call('HSET', prefix .. 'd:' .. user, digest, UNSEEN .. known:sub(9))
    elseif known then
      call('HDEL', prefix .. 'd:' .. user, digest)
      call('HDEL', prefix .. 'r:' .. user, digest)
    end
  end
end

local function consume_inbox(prefix, user, seqs)
  for _, seq in ipairs(seqs) do
    if call('HDEL', prefix .. 'i:' .. user, seq) == 1 then
      call('XDEL', prefix .. 'inbox', seq .. '-0')
    end
    call('HDEL', prefix .. 'attempts', 'inbox:' .. seq)
  end
end

local function drop_deliveries(prefix, user, ids)
  for _, id in ipairs(ids) do
    call('HDEL', prefix .. 'g:' .. user, id)
    call('ZREM', prefix .. 'deliveries', id .. '\0' .. user)
  end
end

-- Ids of inputs that were accepted and have not run stay, or a repeat would be accepted again.
local function delete(prefix, user)
  for _, name in ipairs(call('HKEYS', prefix .. 't:' .. user)) do
    call('ZREM', prefix .. 'due', user .. '\0' .. name)
    call('HDEL', prefix .. 'attempts', 'timer:' .. user .. ':' .. name)
  end
  call('SREM', prefix .. 'undated', user)
  drop_deliveries(prefix, user, call('HKEYS', prefix .. 'g:' .. user))
  local unrun, kept = call('HVALS', prefix .. 'i:' .. user), {}
  for _, digest in ipairs(unrun) do
    kept[digest] = call('HGET', prefix .. 'd:' .. user, digest)
  end
  for _, kind in ipairs({ 'u:', 'o:', 'd:', 'r:', 't:', 'g:', 'j:' }) do
    call('DEL', prefix .. kind .. user)
  end
  for digest, value in pairs(kept) do
    if value then
      call('HSET', prefix .. 'd:' .. user, digest, value)
    end
  end
  call('ZREM', prefix .. 'users', user)
end

local function apply(prefix, user, record, commit, slot, epoch)
  if commit[5] then call('HSET', record, 's' .. slot, commit[5]) end
  push(prefix .. 'o:' .. user, commit[7])
  add_consumed(prefix, user, commit[8])
  set_timers(prefix, user, commit[9])
  push(prefix .. 'j:' .. user, commit[12])
  add_deliveries(prefix, user, commit[14])
  add_dead_letters(prefix, commit[16])
  set_record(prefix, user, record, commit, slot)
  if commit[6] then trim_frames(prefix, user, commit, epoch) end
  unset_timers(prefix, user, commit[9])
  forget(prefix, user, commit[10])
  consume_inbox(prefix, user, commit[11])
  if #commit[12] > 0 then call('LTRIM', prefix .. 'j:' .. user, -commit[13], -1) end
  drop_deliveries(prefix, user, commit[15])
end

local function apply_delete(prefix, user, commit)
  add_dead_letters(prefix, commit[16])
  consume_inbox(prefix, user, commit[11])
  delete(prefix, user)
end

local function decide(commit)
  local partition = partitions[commit[1]]
  if not holds(partition) then
    return FENCED, 0
  end
  local prefix, user, expected = partition[1], commit[2], commit[3]
  local record = prefix .. 'u:' .. user
  local stored = call('HMGET', record, 'v', 'c', 'i', 'e')
  local version = tonumber(stored[1] or 0)
  if version ~= expected then
    if version == 0 then
      return commit[17] and APPLIED or CONFLICT, 0
    end
    if version == expected + 1 and stored[2] == commit[4] then
      call('HSET', record, 'v', version) -- changes nothing; WAIT counts replicas from our latest write
      return APPLIED, version
    end
    return CONFLICT, version
  end
  if commit[18] then
    return TOO_LARGE, version
  end
  if commit[17] then
    apply_delete(prefix, user, commit)
    return APPLIED, 0
  end
  -- Two snapshots take turns in two slots: nothing is copied to keep the previous one.
  apply(prefix, user, record, commit, stored[3] == '0' and '1' or '0', stored[4])
  return APPLIED, expected + 1
end

local verdicts, as_expected = {}, true
for _, commit in ipairs(commits) do
  local status, version = decide(commit)
  insert(verdicts, status)
  insert(verdicts, version)
  as_expected = as_expected and status == APPLIED and version == commit[3] + 1
end
return as_expected and 1 or verdicts
