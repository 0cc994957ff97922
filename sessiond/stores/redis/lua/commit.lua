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
local call = redis.call
local NEVER = struct.pack('>d', math.huge)
local UNSEEN = struct.pack('>d', 0 / 0)

local batch = cmsgpack.unpack(ARGV[1])
local partitions, commits = batch[1], batch[2]

local function holds(partition)
  if partition[3] == nil then
    local own = call('HMGET', partition[1] .. 'own', 'token', 'counted')
    partition[3], partition[4] = own[1] == partition[2], own[2]
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
  local key = prefix .. 'd:' .. user
  for n = 1, #consumed, 3 do
    local digest, at, reply = consumed[n], consumed[n + 1], consumed[n + 2] or ''
    if call('HSETNX', key, digest, at .. NEVER .. reply) == 0 then
      local known = call('HGET', key, digest)
      call('HSET', key, digest, at .. known:sub(9, 16) .. reply)
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

local function unset_timers(prefix, user, timers, counted)
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
    if counted then
      call('HDEL', prefix .. 'attempts', 'timer:' .. user .. ':' .. name)
    end
  end
end

local function add_deliveries(prefix, user, deliveries)
  for n = 1, #deliveries, 2 do
    local id, value = deliveries[n], deliveries[n + 1]
    call('HSET', prefix .. 'g:' .. user, id, value)
    call('ZADD', prefix .. 'deliveries', 0, id .. '\0' .. user)
  end
end

local function add_dead_letters(prefix, letters)
  for n = 1, #letters, 2 do
    call('HSET', prefix .. 'dead', letters[n], letters[n + 1])
    call('ZADD', prefix .. 'dead.ids', 0, letters[n])
  end
end

-- Two snapshots take turns in two slots: nothing is copied to keep the previous one.
local function set_record(prefix, user, record, commit, slot)
  local snapshot, stream = commit[5], commit[6]
  if snapshot then
    slot = slot == '0' and '1' or '0'
  end
  local head = (commit[3] + 1) .. ':' .. slot .. ':' .. commit[4]
  if snapshot and stream then
    call('HSET', record, 'v', head, 's' .. slot, snapshot, 'm', stream)
  elseif snapshot then
    call('HSET', record, 'v', head, 's' .. slot, snapshot)
  elseif stream then
    call('HSET', record, 'v', head, 'm', stream)
  else
    call('HSET', record, 'v', head)
  end
  if commit[3] == 0 then
    call('ZADD', prefix .. 'users', 0, user)
  end
end

-- Remove frames up to the floor. Where it is follows from the old one, unless offsets are missing or doubled.
local function trim_frames(key, old_floor, floor)
  local last = call('LINDEX', key, floor - old_floor - 1)
  if last and tonumber(last:match('^%d+')) == floor then
    call('LTRIM', key, floor - old_floor, -1)
    return
  end
  local first = call('LINDEX', key, 0)
  while first and tonumber(first:match('^%d+')) <= floor do
    call('LPOP', key)
    first = call('LINDEX', key, 0)
  end
end

local function bound_frames(prefix, user, commit, before)
  local key = prefix .. 'o:' .. user
  local floor, epoch = commit[6]:match('^(%d+):%d+:%d+:%d+:(.*)$')
  local old_floor, old_epoch = (before or '0:0:0:0:'):match('^(%d+):%d+:%d+:%d+:(.*)$')
  if old_epoch ~= epoch then
    if not commit[7] then
      call('DEL', key)
    elseif before then
      call('LTRIM', key, -#commit[7], -1) -- what was there before this commit goes
    end
    old_floor = 0
  end
  floor, old_floor = tonumber(floor), tonumber(old_floor)
  if floor > old_floor then
    trim_frames(key, old_floor, floor)
  end
end

local function forget(prefix, user, digests)
  local key = prefix .. 'd:' .. user
  for _, digest in ipairs(digests) do
    local known = call('HGET', key, digest)
    if known and known:sub(9, 16) ~= NEVER then
      call('HSET', key, digest, UNSEEN .. known:sub(9))
    elseif known then
      call('HDEL', key, digest)
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
  for _, kind in ipairs({ 'u:', 'o:', 'd:', 't:', 'g:', 'j:' }) do
    call('DEL', prefix .. kind .. user)
  end
  for digest, value in pairs(kept) do
    if value then
      call('HSET', prefix .. 'd:' .. user, digest, value)
    end
  end
  call('ZREM', prefix .. 'users', user)
end

local function add(prefix, user, commit)
  if commit[7] then push(prefix .. 'o:' .. user, commit[7]) end
  if commit[8] then add_consumed(prefix, user, commit[8]) end
  if commit[9] then set_timers(prefix, user, commit[9]) end
  if commit[12] then push(prefix .. 'j:' .. user, commit[12]) end
  if commit[14] then add_deliveries(prefix, user, commit[14]) end
  if commit[16] then add_dead_letters(prefix, commit[16]) end
end

local function remove(prefix, user, commit, stream, counted)
  if commit[6] and commit[6] ~= stream then bound_frames(prefix, user, commit, stream) end
  if commit[9] then unset_timers(prefix, user, commit[9], counted) end
  if commit[10] then forget(prefix, user, commit[10]) end
  if commit[11] then consume_inbox(prefix, user, commit[11]) end
  if commit[12] then call('LTRIM', prefix .. 'j:' .. user, -commit[13], -1) end
  if commit[15] then drop_deliveries(prefix, user, commit[15]) end
end

local function apply_delete(prefix, user, commit)
  if commit[16] then add_dead_letters(prefix, commit[16]) end
  if commit[11] then consume_inbox(prefix, user, commit[11]) end
  delete(prefix, user)
end

local function on_other_version(commit, record, head, version, commit_id)
  if version == 0 then
    return commit[17] and APPLIED or CONFLICT, 0
  end
  if version == commit[3] + 1 and commit_id == commit[4] then
    call('HSET', record, 'v', head) -- changes nothing; WAIT counts replicas from our latest write
    return APPLIED, version
  end
  return CONFLICT, version
end

local function decide(commit)
  local partition = partitions[commit[1]]
  if not holds(partition) then
    return FENCED, 0
  end
  local prefix, user, expected = partition[1], commit[2], commit[3]
  local record = prefix .. 'u:' .. user
  local stored = call('HMGET', record, 'v', 'm')
  local version, slot, commit_id = 0, '1', nil
  if stored[1] then
    version, slot, commit_id = stored[1]:match('^(%d+):(%d):(.*)$')
    version = tonumber(version)
  end
  if version ~= expected then
    return on_other_version(commit, record, stored[1], version, commit_id)
  end
  if commit[18] then
    return TOO_LARGE, version
  end
  if commit[17] then
    apply_delete(prefix, user, commit)
    return APPLIED, 0
  end
  add(prefix, user, commit)
  set_record(prefix, user, record, commit, slot)
  remove(prefix, user, commit, stored[2], partition[4])
  return APPLIED, expected + 1
end

local verdicts, as_expected = {}, true
for _, commit in ipairs(commits) do
  local status, version = decide(commit)
  verdicts[#verdicts + 1] = status
  verdicts[#verdicts + 1] = version
  as_expected = as_expected and status == APPLIED and version == commit[3] + 1
end
return as_expected and 1 or verdicts
