-- Give up a lease if it is ours. KEYS[1] node key  ARGV: nonce.

if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
