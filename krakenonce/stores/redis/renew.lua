-- Begins or prolongs a session. KEYS[1]: the session. ARGV[1] incarnation, [2] the engine's identity, [3] time to live
--   in ms, [4] longest believable session in ms.
--
-- Replies {birth in ms, now in ns, end in ns}. As long as the birth is the same, the session has been alive all the while
--   on this very engine, and what it holds is still its own. (To say only whether it was alive now would not do: the reply
--   to the call that began it anew may have been lost.) Replies {'S'} to an older incarnation, whose call came late.
local clock = redis.call('TIME')
local ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local now = clock[1] .. string.format('%06d', tonumber(clock[2])) .. '000'
local was = redis.call('HMGET', KEYS[1], 'u', 'c', 'i', 'b')
if was[2] and tonumber(was[2]) > tonumber(ARGV[1]) then return {'S'} end
local ended = tonumber(was[1] or '0')
local believable = ended <= ms + tonumber(ARGV[4])
local kept = ended > ms and believable and was[3] == ARGV[2]
-- A clock that was set back must not shorten what was promised: others rely on nobody using numbers above the end.
local ends = math.max(believable and ended or 0, ms + tonumber(ARGV[3]))
local birth = kept and was[4] or string.format('%d', ms)
redis.call('HSET', KEYS[1], 'u', string.format('%d', ends), 'c', ARGV[1], 'i', ARGV[2], 'b', birth)
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) + tonumber(ARGV[4]))
return {birth, now, string.format('%d', ends) .. '000000'}
