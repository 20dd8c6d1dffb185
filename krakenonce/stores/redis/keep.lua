-- Says in a new era that the caller has the key, under the generation ARGV[11] of the era before, and that numbers below
--   ARGV[12] are used or reserved. Replies {'D', 1}, or {'D', 0} if that comes too late: somebody else was given it.
if is_known then
  if state.holder ~= me or state.generation ~= ARGV[11] then return {'D', 0} end
  redis.call('HDEL', KEYS[1], 'c')
  return {'D', 1}
end
if state.generation and tonumber(state.generation) > tonumber(ARGV[11]) then return {'D', 0} end
local floor = highest(highest(ARGV[12], state.floor), state.wish)
redis.call('HSET', KEYS[1], 'h', me, 'g', ARGV[11], 'n', floor, 'i', identity)
redis.call('HDEL', KEYS[1], 'c', 'r')
return {'D', 1}
