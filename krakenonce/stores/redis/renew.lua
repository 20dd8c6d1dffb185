-- Begins or prolongs a session. KEYS[1]: the session, KEYS[2]: the era. ARGV[1] incarnation, [2] the engine's identity,
--   [3] time to live in ms, [4] for how long to remember it, in ms, [5] quiet time after a change, [6] after a loss.
--
-- Replies {birth in ns, now in ns, end in ns}. As long as the birth is the same, nobody took the session for dead in all the
--   time, on this very engine, and what it holds is still its own. (To say only whether it was alive now would not do: the
--   reply to the call that began it anew may have been lost.) Replies {'S'} to an older incarnation, whose call came late.
quiet(KEYS[2], ARGV[2], ARGV[5], ARGV[6])
local was = redis.call('HMGET', KEYS[1], 'u', 'c', 'i', 'b', 'd')
if was[2] and tonumber(was[2]) > tonumber(ARGV[1]) then return {'S'} end
local kept = was[1] and not was[5] and was[3] == ARGV[2]
-- A clock that was set back must not shorten what was promised: others rely on nobody using numbers above the end.
local ends = string.format('%d', math.max(tonumber(was[1] or '0'), ms + tonumber(ARGV[3])))
local birth = kept and was[4] or now
redis.call('HSET', KEYS[1], 'u', ends, 't', ARGV[3], 'c', ARGV[1], 'i', ARGV[2], 'b', birth)
redis.call('HINCRBY', KEYS[1], 'r', 1)
if not kept then redis.call('HDEL', KEYS[1], 'd') end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]))
return {birth, now, ends .. '000000'}
