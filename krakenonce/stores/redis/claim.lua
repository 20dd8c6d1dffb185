-- Says that a key that was handed over has arrived. ARGV[11]: generation. Replies {'D', 1}, or {'D', 0} if it is late.
if not is_known or state.holder ~= me or state.generation ~= ARGV[11] then return {'D', 0} end
redis.call('HDEL', KEYS[1], 'c')
return {'D', 1}
