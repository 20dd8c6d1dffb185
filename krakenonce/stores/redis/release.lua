-- Gives the key back and hands it to the first in line. ARGV[9]: generation, [10]: first number that was not used,
--   [11]: '1' to queue for the key again.
--
-- Replies {'D', 0} if the caller does not hold it under this generation (then it does not queue either), {'D', 1} if
--   nobody waited, {'D', 2} if it was handed over, or the grant if only the caller itself waited.
if state.holder ~= me or state.generation ~= ARGV[9] then return {'D', 0} end
redis.call('HSET', KEYS[1], 'n', ARGV[10])
state.floor = ARGV[10]
if ARGV[11] == '1' and not is_queued(me) then redis.call('RPUSH', KEYS[2], me) end
local given = hand_over(ARGV[10])
if given then return given end
redis.call('HDEL', KEYS[1], 'h', 'c')
return {'D', 1}
