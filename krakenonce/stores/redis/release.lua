-- Gives the key back and hands it to the first in line. ARGV[11]: generation, [12]: first number that was not used,
--   [13]: '1' to queue for the key again.
--
-- Replies {'D', 0} if the caller does not hold it under this generation (then it does not queue either), {'D', 1} if
--   nobody waited, {'D', 2, generation} if it was handed over, or the grant if only the caller itself waited.
if not is_known or state.holder ~= me or state.generation ~= ARGV[11] then return {'D', 0} end
-- Who never heard of the grant knows less than it began with.
state.floor = highest(ARGV[12], state.reserved and later(state.floor, -tonumber(ARGV[6])) or state.floor)
redis.call('HSET', KEYS[1], 'n', state.floor)
state.unclaimed = nil
if ARGV[13] == '1' and not is_queued(me) then redis.call('RPUSH', KEYS[2], me) end
local given = hand_over(ARGV[12])
if given then return given end
redis.call('HDEL', KEYS[1], 'h', 'c', 'r')
return {'D', 1}
